"""The page shows what there is, leaves out what is absent, and treats no text of a file as HTML."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from ruamel.yaml import YAML

from tasks import report
from tasks.params.loading import load_params
from tasks.reporting.charts.bars import BarChart
from tasks.reporting.page import render_page
from tasks.reporting.run_facts import RunFacts
from tasks.reporting.summary import render_summary
from tasks.run_digests import params_digest, run_digests
from tasks.tables import TABLES, write_table
from tasks.workspace import Workspace
from tests.comparison.conftest import write_run

REPOSITORY = Path(__file__).resolve().parents[3]
FIGURE = {
    "title": "Figure 9. Failure cases",
    "reading": "How to read it.",
    "nothing": "No identity changes.",
    "examples": [{"picture": "data:image/jpeg;base64,AAAA", "caption": "<i>video 1, frame 2"}],
}
CLIP = {
    **{"video_id": "<b>", "path": 'clips/"onerror=x', "poster": 'clips/"onerror=y', "aspect": "1 / 1"},
    **{"caption": "<img src=x>", "tags": ["low_light", "<i>"], "picture": "1 / 1"},
}
PARAMS = load_params(REPOSITORY / "params.yaml")


@pytest.fixture
def workspace(tmp_path):
    """One video without tracks, nothing else."""
    workspace = Workspace.of_repository(tmp_path)
    video = {
        "video_id": "000001", "split": "val", "source": None, "media": "a.mp4", "media_sha256": "0", "width": 64,
        "height": 48, "frame_count": 3, "labelled_frame_count": 0, "frames_per_second": 25.0, "tags": [],
    }  # fmt: skip
    write_table(TABLES["videos"], [video], TABLES["videos"].path(workspace.tables))
    return workspace


def score_row(tracks, metric, scope, name, joint, value):
    return dict(zip(TABLES["scores"].schema.names, (tracks, metric, scope, name, joint, value), strict=True))


def page_of(workspace, clips=(), figures=(), overlays=None):
    return render_page(RunFacts(workspace, PARAMS, list(clips), list(figures), overlays or {}))


def write_provenance(workspace, stage, **fields):
    record = {"seconds": 1.5, "notices": [], "rejects": [], "summary": {}} | fields
    workspace.provenance.mkdir(parents=True, exist_ok=True)
    (workspace.provenance / f"{stage}.json").write_text(json.dumps(record))


def write_paper_table(workspace, name, table):
    folder = workspace.reports / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(table))


def test_without_ground_truth_the_page_says_so(workspace):
    page = page_of(workspace)
    assert "No ground truth was scored" in page
    assert 'id="joints"' not in page
    assert "1 video with 3 frames; 0 pictures; 0 annotated persons." in page


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
    for text in ("51.2", "52.8", "Crossing", "11.1", "undefined", "<svg", 'class="number">7<'):
        assert text in page


def test_a_page_that_is_made_again_is_the_same(tmp_path):
    write_run(tmp_path, {"street": lambda frame: {5: 10.0}}, tags={"street": ["crossing"]})
    workspace = Workspace.of_repository(tmp_path)
    for name in ("detections", "poses", "recovered_poses"):
        write_table(TABLES[name], [], TABLES[name].path(workspace.tables, "street"))
    page = page_of(workspace)
    assert ">street</th>" in page, "a video is the heading of its row"
    assert page_of(workspace) == page


def test_joints_stand_in_the_order_of_the_body(workspace):
    joints = ["left_ankle", "nose", "total", "right_ankle", "head_bottom", "left_shoulder", "head_top"]
    rows = [score_row("tracking", "mota", "total", "", joint, 1.0) for joint in joints]
    write_table(TABLES["scores"], rows, TABLES["scores"].path(workspace.tables))
    page = page_of(workspace).partition('id="joints"')[2]
    shown = re.findall(r">(Head top|Nose|Neck|Left \w+|Right \w+|Total)</th>", page)
    assert shown == ["Head top", "Nose", "Neck", "Left shoulder", "Left ankle", "Right ankle", "Total"]


def test_the_page_names_the_time_and_the_revision_of_the_last_stage(workspace):
    write_provenance(workspace, "index", started="2026-01-02T03:04:05+00:00", revision="a" * 40)
    write_provenance(workspace, "score", started="2026-01-02T04:00:00+00:00", revision="b" * 40 + "+changes")
    page = page_of(workspace)
    for text in ("2026-01-02 04:00:00 UTC", "bbbbbbbbbbbb with uncommitted changes"):
        assert text in page


def test_the_summary_holds_the_headline_and_what_was_rejected(workspace):
    rows = [score_row("tracking", "mota", "total", "", "total", 51.25)]
    rows += [score_row("tracking", "switches", "total", "", "total", 30.0)]
    write_table(TABLES["scores"], rows, TABLES["scores"].path(workspace.tables))
    bounds = {"tracking": {"MOTA": [40.0, 60.04]}}
    content = {"intervals": bounds, "ceiling": {"mAP": None, "MOTA": 90.0, "HOTA": None}}
    workspace.reports.mkdir(parents=True, exist_ok=True)
    (workspace.reports / "uncertainty.json").write_text(json.dumps(content))
    write_provenance(workspace, "index", rejects=[{"source": "a|<b>", "location": "", "reason": "broken"}])
    text = render_summary(RunFacts(workspace, PARAMS, [], []))
    assert "| MOTA | Tracks | 51.2 | 40.0 to 60.0 | 90.0 |" in text
    assert "| Identity switches | Tracks | 30 | not computed | 2.0 |" in text
    assert "a\\|&lt;b>" in text


def test_the_foot_of_the_page_holds_digests_packages_and_the_machine(workspace):
    hardware = {"processor": "Chip <9>", "cores": 2, "memory_gib": 4.0, "python": "3.11.7"}
    record = {"started": "2026-01-02T03:04:05+00:00", "revision": "a" * 40, "versions": {"numpy": "2.4.6"}}
    write_provenance(workspace, "index", hardware=hardware, **record)
    workspace.models.mkdir(parents=True)
    (workspace.models / "pose.safetensors").write_bytes(b"pose")
    page = page_of(workspace)
    foot = page.partition('id="provenance"')[2]
    assert "git revision aaaaaaaaaaaa, on Chip &lt;9&gt;, 2 cores, 4.0 GiB." in page
    digests = run_digests(workspace, PARAMS)
    assert digests["weights_sha256"] == {"pose": hashlib.sha256(b"pose").hexdigest()}
    for text in (
        digests["params_sha256"],
        digests["data_sha256"],
        digests["weights_sha256"]["pose"],
        "2.4.6",
        "3.11.7",
    ):
        assert text in foot
    other = PARAMS.model_copy(update={"run": PARAMS.run.model_copy(update={"seed": PARAMS.run.seed + 1})})
    assert run_digests(workspace, other)["params_sha256"] != digests["params_sha256"]
    file = YAML(typ="safe").load((REPOSITORY / "params.yaml").read_text())
    assert params_digest(file) == digests["params_sha256"], "of the file as of what was read from it"


def test_notices_and_rejects_of_every_stage_are_listed(workspace):
    write_provenance(workspace, "finetune", notices=["No PoseTrack training persons."])
    reject = {"source": "broken.mp4", "location": "frame 7", "reason": "expected a picture, got noise"}
    write_provenance(workspace, "estimate", rejects=[reject])
    page = page_of(workspace)
    for text in ("No PoseTrack training persons.", "broken.mp4", "frame 7", "expected a picture, got noise"):
        assert text in page


def test_like_rejects_share_a_row_with_their_count_and_the_first_three(workspace):
    rejects = [
        {"source": "a.json", "location": f"person {at}", "reason": f"expected 51, got {at}"} for at in range(900, 1000)
    ]
    write_provenance(workspace, "detect", rejects=rejects)
    page = page_of(workspace)
    assert "Rejected input: 100," in page
    assert "a.json person 900, person 901, person 902 and 97 more" in page
    assert "person 903" not in page


def test_a_name_with_characters_of_an_address_is_linked_to_its_file(workspace):
    clip = CLIP | {"path": "clips/a#1?b%20c.mp4", "poster": "clips/a#1?b%20c.jpg"}
    page = page_of(workspace, [clip])
    sources = re.findall(r'src="([^"]*mp4)"', page)
    assert len(sources) == 2, "at the top, and among the videos"
    for source in sources:
        assert urlsplit(source).path == source
        assert unquote(source) == "clips/a#1?b%20c.mp4"


def test_a_clip_leads_to_the_overlay_where_there_is_one(workspace):
    assert 'href="../overlays/a%231.mp4"' in page_of(workspace, [CLIP], overlays={"<b>": "../overlays/a#1.mp4"})
    assert "../overlays" not in page_of(workspace, [CLIP]).partition("<pre")[0]


def test_text_from_files_is_escaped(workspace):
    write_provenance(workspace, "index", notices=["<script>alert(1)</script>"])
    page = page_of(workspace, [CLIP])
    assert "<script>alert" not in page
    assert "<img" not in page
    assert '"onerror' not in page
    assert "&lt;script&gt;alert(1)" in page


def test_paper_tables_stand_beside_the_published_rows(workspace):
    table = {
        "corpus": "tiny corpus",
        "rows": [{"tau_corr": 0.1, "mAP": 1.0, "MOTA": 12.5}],
        "published": [{"data_set": "PoseTrack17 val", "tau_corr": 0.1, "mAP": 77.9, "MOTA": 67.9}],
        "in_use": {"track.duplicate_oks": 0.5},
        "findings": ["MOTA is best at an affinity threshold of 0.1: 12.50."],
    }
    write_paper_table(workspace, "table_6", table)
    page = page_of(workspace)
    for text in (
        "Table 6",
        "This run, tiny corpus",
        '<th colspan="2" scope="colgroup">PoseTrack17 val</th>',
        "12.5",
        "67.9",
        "in use: track.duplicate_oks = 0.5",
        "best at an affinity threshold",
    ):
        assert text in page
    assert "Chosen" not in page, "a value in use was not chosen by this run"


def test_a_sweep_is_reported_beside_the_value_in_use(workspace):
    choice = {"used": 0.3, "best": 0.5, "tried": [0.3, 0.5], "MOTA": [-2.0, 1.5]}
    row = {"design": "without refinement", "MOTA": 3.0}
    table = {"corpus": "c", "rows": [row], "published": [], "swept": {"track.duplicate_oks": choice}}
    write_paper_table(workspace, "table_7", table)
    assert (
        "In a sweep of track.duplicate_oks on the training videos, the best is 0.5 (MOTA 1.5); "
        "in use: 0.3 (MOTA -2.0)." in page_of(workspace)
    )


def test_the_table_of_a_trend_run_is_not_shown_as_of_this_run(workspace):
    table = {
        "corpus": "5 corpora",
        "rows": [{"source": "coco", "MOTA": 3.0}],
        "published": [],
        "chosen": {"trained on coco": 0.1},
    }
    write_paper_table(workspace, "training_source", table)
    page = page_of(workspace)
    assert "Not of this run: the last trend run, 5 corpora" in page
    assert "Chosen on the training videos: trained on coco = 0.1." in page


def test_figures_are_inside_the_page_and_their_captions_escaped(workspace):
    page = page_of(workspace, figures=[FIGURE])
    assert '<img src="data:image/jpeg;base64,AAAA"' in page
    assert "&lt;i&gt;video" in page
    assert "<i>" not in page
    assert "No identity changes." in page
    assert ">Failure cases<" in page, "without ground truth there is no figure of the paper"
    assert "The paper's figures" not in page
    assert 'href="#figures"' in page
    assert 'id="figures"' not in page_of(workspace)


def test_the_standalone_accuracy_stands_under_its_table(workspace):
    row = {"method": "Optical flow", "measure": "mean end-point error, px", "value": 0.55, "measured on": "32 pairs"}
    ours = {"method": "OKS", "boxes": "detected", "IDSW": 3, "MOTA": None}
    table = {"corpus": "c", "rows": [ours], "published": [], "chosen": {}, "standalone_accuracy": [row]}
    write_paper_table(workspace, "table_2", table | {"notes": ["No re-ID."]})
    page = page_of(workspace)
    for text in ("mean end-point error, px", "0.55", "32 pairs", "No re-ID."):
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
    values = {"crossing": {"mAP": 50.0, "MOTA": -20.0}, "easy": {"mAP": 80.0}}
    assert BarChart("By tag", "percent", values).picture == BarChart("By tag", "percent", values).picture


def test_a_corpus_of_pictures_alone_has_a_report_too(tmp_path):
    workspace = Workspace.of_repository(tmp_path)
    for name in ("videos", "frames", "images", "persons", "rejects"):
        write_table(TABLES[name], [], TABLES[name].path(workspace.tables))
    report.run(workspace, PARAMS)
    assert "0 videos with 0 frames" in (workspace.reports / "index.html").read_text()


def noise_row(method, stride, noise, value, dropout=0.0):
    row = {"stride": stride, "noise_heads": noise, "dropout": dropout, "method": method}
    return row | {"MOTA": value, "IDSW": 1, "person_switches": 2, "tracked_poses": 3}


def test_the_noise_bench_is_drawn_where_its_file_is(workspace):
    assert 'id="noise"' not in page_of(workspace)
    rows = [
        noise_row(method, stride, noise, 50.0) for method in ("OKS", "Re-ID") for stride in (1, 4) for noise in (0, 1)
    ]
    rows += [noise_row("OKS", 1, 0, None, dropout=0.5)]
    content = {"corpus": "8 <b>videos", "videos": 7, "frames": 5, "persons": 9}
    content |= {"thresholds": {"track.tau_corr": 0.1}, "rows": rows}
    workspace.reports.mkdir(parents=True, exist_ok=True)
    (workspace.reports / "noise.json").write_text(json.dumps(content))
    page = page_of(workspace)
    section = page[page.index('<section id="noise">') :]
    section = section[: section.index("</section>")]
    assert "9 persons in 5 frames of 7 videos, out of 8 &lt;b&gt;videos" in section
    for text in ("1 of 4 frames", "Every frame", "Re-ID", "missing keypoints", "track.tau_corr 0.1"):
        assert text in section
