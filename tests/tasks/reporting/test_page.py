"""The page: what is there is shown, what is absent is left out, and nothing of a file is taken as HTML."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks import report
from tasks.params.loading import load_params
from tasks.reporting import charts
from tasks.reporting.page import render_page
from tasks.tables import TABLES, write_table
from tasks.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[3]
FIGURE = {
    "title": "Figure 9. Failure cases",
    "reading": "How to read it.",
    "nothing": "No identity changes.",
    "examples": [{"picture": "data:image/jpeg;base64,AAAA", "caption": "<i>video 1, frame 2"}],
}
PARAMS = load_params(REPOSITORY / "params.yaml")


@pytest.fixture
def workspace(tmp_path):
    """One video without tracks, nothing else."""
    found = Workspace.of_repository(tmp_path)
    video = {
        "video_id": "000001", "split": "val", "source": None, "media": "a.mp4", "media_sha256": "0", "width": 64,
        "height": 48, "frame_count": 3, "labelled_frame_count": 0, "frames_per_second": 25.0, "tags": [],
    }  # fmt: skip
    write_table(TABLES["videos"], [video], TABLES["videos"].path(found.tables))
    return found


def score_row(tracks, metric, scope, name, joint, value):
    return dict(zip(TABLES["scores"].schema.names, (tracks, metric, scope, name, joint, value), strict=True))


def page_of(workspace, clips=(), figures=()):
    return render_page(workspace, PARAMS, list(clips), list(figures))


def write_provenance(workspace, stage, **fields):
    record = {"seconds": 1.5, "notices": [], "rejects": [], "summary": {}} | fields
    workspace.provenance.mkdir(parents=True, exist_ok=True)
    (workspace.provenance / f"{stage}.json").write_text(json.dumps(record))


def test_without_ground_truth_it_says_so_and_goes_on(workspace):
    page = page_of(workspace)
    assert "No ground truth was scored" in page
    assert 'id="joints"' not in page
    assert "1 videos with 3 frames" in page


def test_totals_and_slices_come_from_the_table_of_scores(workspace):
    rows = [
        score_row("tracking", "mota", "total", "", "total", 51.25),
        score_row("merged", "mota", "total", "", "total", 52.75),
        score_row("tracking", "mota", "tag", "crossing", "total", 11.125),
        score_row("tracking", "mota", "total", "", "nose", None),
        score_row("tracking", "switches", "total", "", "total", 7.0),
    ]
    write_table(TABLES["scores"], rows, TABLES["scores"].path(workspace.tables))
    page = page_of(workspace)
    for text in ("51.2", "52.8", "crossing", "11.1", "undefined", "<svg", 'class="number">7<'):
        assert text in page


def test_notices_and_rejects_of_every_stage_are_listed(workspace):
    write_provenance(workspace, "finetune", notices=["No PoseTrack training persons."])
    reject = {"source": "broken.mp4", "place": "frame 7", "reason": "expected a picture, got noise"}
    write_provenance(workspace, "estimate", rejects=[reject])
    page = page_of(workspace)
    for text in ("No PoseTrack training persons.", "broken.mp4", "frame 7", "expected a picture, got noise"):
        assert text in page


def test_text_from_files_is_escaped(workspace):
    write_provenance(workspace, "index", notices=["<script>alert(1)</script>"])
    page = page_of(workspace, [{"video_id": "<b>", "path": 'clips/"onerror=x', "caption": "<img src=x>"}])
    assert "<script>" not in page
    assert "<img" not in page
    assert '"onerror' not in page


def test_paper_tables_stand_beside_the_published_rows(workspace):
    folder = workspace.reports / "tables"
    folder.mkdir(parents=True)
    table = {
        "corpus": "tiny corpus",
        "rows": [{"tau_corr": 0.1, "MOTA": 12.5}],
        "published": [{"data_set": "PoseTrack17 val", "tau_corr": 0.1, "MOTA": 67.9}],
        "chosen": {"track.duplicate_oks": 0.5},
    }
    (folder / "table_6.json").write_text(json.dumps(table))
    page = page_of(workspace)
    for text in ("Table 6", "tiny corpus", "12.5", "67.9", "track.duplicate_oks"):
        assert text in page


def test_figures_are_inside_the_page_and_their_captions_escaped(workspace):
    page = page_of(workspace, figures=[FIGURE])
    assert '<img src="data:image/jpeg;base64,AAAA"' in page
    assert "&lt;i&gt;video" in page
    assert "<i>" not in page
    assert "No identity changes." in page
    assert 'href="#figures"' in page
    assert 'id="figures"' not in page_of(workspace)


def test_how_good_a_method_is_by_itself_stands_under_its_table(workspace):
    row = {"method": "Optical flow", "measure": "mean end-point error, px", "value": 0.55, "over": "32 pairs"}
    table = {"corpus": "c", "rows": [{"IDSW": 3}], "published": [], "chosen": {}, "competence": [row]}
    (workspace.reports / "tables").mkdir(parents=True)
    (workspace.reports / "tables" / "table_2.json").write_text(json.dumps(table | {"notes": ["Not told of re-ID."]}))
    page = page_of(workspace)
    for text in ("mean end-point error, px", "0.550", "32 pairs", "Not told of re-ID."):
        assert text in page


def test_every_tag_is_closed(workspace):
    class Balance(HTMLParser):
        depth = 0

        def handle_starttag(self, tag, attrs):
            self.depth += tag not in ("meta", "link", "br", "img")

        def handle_endtag(self, tag):
            self.depth -= 1

    parser = Balance()
    parser.feed(page_of(workspace, figures=[FIGURE]))
    assert parser.depth == 0


def test_a_chart_of_the_same_numbers_is_the_same_text():
    values = {"crossing": {"mAP": 50.0, "MOTA": 20.0}, "easy": {"mAP": 80.0}}
    assert charts.bars(values, x_label="percent") == charts.bars(values, x_label="percent")


def test_a_corpus_of_pictures_alone_has_a_report_too(tmp_path):
    found = Workspace.of_repository(tmp_path)
    for name in ("videos", "frames", "images", "persons", "rejects"):
        write_table(TABLES[name], [], TABLES[name].path(found.tables))
    report.run(found, PARAMS)
    assert "0 videos with 0 frames" in (found.reports / "index.html").read_text()
