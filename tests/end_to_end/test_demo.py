"""All stages on a small demo corpus: every table, every score, the report."""

import json
import re
from importlib import metadata

import pandas as pd
import pytest

from tasks.demo_corpus.corpus import synthesise
from tasks.scoring.run import Request, score_folder
from tasks.stages import STAGES
from tasks.tables import TABLES
from tasks.workspace import Workspace

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def demo(tmp_path_factory, small, run_stages):
    workspace = Workspace.of_repository(tmp_path_factory.mktemp("demo"))
    synthesise(workspace.data, small.index.demo_corpus, seed=small.run.seed)
    run_stages(workspace, small, STAGES)
    return workspace


def test_every_table_opens_in_pandas_without_our_code(demo):
    assert list((demo.tables / "network_poses").iterdir()) == [], "only a keypoint detector writes them"
    files = {
        name: sorted((demo.tables / name).glob("*.parquet")) or [demo.tables / f"{name}.parquet"]
        for name in TABLES.keys() - {"network_poses"}
    }
    rows = {name: sum(len(pd.read_parquet(path)) for path in paths) for name, paths in files.items()}
    assert rows["videos"] == 4
    assert rows["frames"] == 40
    assert rows["images"] == 24
    assert rows["rejects"] == 0
    assert min(rows[name] for name in ("persons", "detections", "poses", "affinities", "correspondences", "scores")) > 0
    assert all(len(paths) == 4 for name, paths in files.items() if TABLES[name].per_video)


def test_every_stage_records_how_its_result_came_about(demo):
    records = {stage: json.loads((demo.provenance / f"{stage}.json").read_text()) for stage in STAGES}
    assert [record["rejects"] for record in records.values()] == [[]] * len(STAGES)
    assert {record["versions"]["torch"] for record in records.values()} == {metadata.version("torch")}
    assert all(record["seconds"] > 0 for record in records.values())
    assert records["estimate"]["seconds"] > records["track"]["seconds"], "networks take longer than arithmetic"


@pytest.mark.parametrize("key", ["tracking", "merged"])
def test_scores_are_those_of_the_exported_files_against_the_annotations(demo, key, tmp_path):
    metrics = json.loads((demo.reports / "scores.json").read_text())[key]
    exported = demo.artifacts / "exports" / "posetrack18" / key
    assert len(list(exported.glob("*.json"))) == 4
    totals = score_folder(Request(demo.data / "posetrack/annotations/val", exported, tmp_path / "out")).totals
    assert metrics["sequences"]["annotated"] == 2
    assert metrics["mAP"] == pytest.approx(totals.ap.ap[-1])
    assert metrics["MOTA"] == pytest.approx(totals.mot.mota[-1])
    assert metrics["id_switches"] == totals.counts.switches.sum()


def test_every_table_of_the_paper_is_written(demo):
    assert sorted(path.name for path in (demo.reports / "tables").glob("*.json")) == [
        f"table_{number}.json" for number in range(2, 8)
    ]


def test_the_standalone_accuracy_of_every_method_is_measured(demo):
    rows = json.loads((demo.reports / "tables" / "table_2.json").read_text())["standalone_accuracy"]
    assert [row["method"].split(",")[0] for row in rows] == ["Optical flow"] * 2 + ["Re-ID"] + ["Correspondences"] * 2
    flow = next(row for row in rows if row["method"] == "Optical flow")
    assert 0 < flow["value"] < flow["chance level"], "DIS is nearer to the true flow than a picture without motion"


def test_the_report_needs_nothing_from_elsewhere(demo):
    page = (demo.reports / "index.html").read_text()
    fetched = re.findall(r"""(?:src|href)=["']?(?!#|data:)([^"' >]+)""", page)
    assert any(source.startswith("clips/") for source in fetched)
    assert [source for source in fetched if "://" in source or not (demo.reports / source).exists()] == []
    assert (demo.reports / "clips").is_dir()


@pytest.mark.parametrize("view", ["desktop", "phone"])
def test_the_report_opens_in_a_browser_and_shows_the_scores(demo, open_page, screenshots, view):
    opened = open_page(demo.reports / "index.html", view)
    opened.page.screenshot(path=screenshots / f"demo_{view}.png", full_page=True)
    assert opened.problems == []
    assert opened.hosts == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= opened.page.viewport_size["width"]
    metrics = json.loads((demo.reports / "metrics.json").read_text())["merged"]
    for name in ("mAP", "MOTA"):
        shown = opened.page.locator(f'[data-metric="Merged tracks {name}"]').inner_text()
        assert shown == f"{metrics[name]:.1f}"
    for section in ("result", "videos", "paper", "difficulty", "joints", "training", "run"):
        assert opened.page.locator(f"#{section} h2").is_visible()


def test_the_same_corpus_gives_the_same_bytes(demo, small, run_stages, tmp_path):
    again = Workspace(demo.data, tmp_path / "artifacts", tmp_path / "reports", tmp_path / "state")
    again.models.mkdir(parents=True)
    for path in demo.models.iterdir():
        (again.models / path.name).symlink_to(path)
    run_stages(again, small, ("index", "detect", "estimate", "recover", "track", "merge"))
    for path in sorted(again.tables.rglob("*.parquet")):
        assert path.read_bytes() == (demo.tables / path.relative_to(again.tables)).read_bytes(), path.name
