"""The stage score on a corpus of annotation files and written tracks."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.tables import read_table, write_table
from tasks.tables.schemas import DETECTIONS, MERGED_TRACKS, SCORES, TRACKS
from tests.tasks.tracked_corpus import Corpus

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(REPOSITORY / "params.yaml")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = Corpus(tmp_path)
    corpus.add("000001_mpii_test", tags=("crowd",))
    corpus.add("000002_mpii_test", tags=("crowd", "blur"))
    for name in ("000001_mpii_test", "000002_mpii_test"):
        corpus.track(TRACKS, name, ids=lambda frame: (7 + frame // 2, 20))
        corpus.track(MERGED_TRACKS, name)
    return corpus


def test_tracking_is_the_headline_and_merged_stands_beside_it(corpus: Corpus, params: Params) -> None:
    corpus.run("score", params)
    tracking, merged = corpus.metrics["tracking"], corpus.metrics["merged"]
    assert tracking["mAP"] == merged["mAP"] == pytest.approx(100)
    assert tracking["id_switches"] == 2 * 15
    assert merged["id_switches"] == 0
    assert {type(tracking[name]) for name in ("id_switches", "misses", "false_positives", "objects")} == {int}
    assert merged["MOTA"] == pytest.approx(100)
    assert tracking["MOTA"] == pytest.approx(100 * (1 - 2 / 12))
    assert tracking["sequences"] == {"annotated": 2, "mAP": 2, "MOTA": 2, "HOTA": 2}


def test_what_dvc_compares_between_revisions_is_the_headline_alone(corpus: Corpus, params: Params) -> None:
    corpus.run("score", params)
    metrics = json.loads((corpus.workspace.reports / "metrics.json").read_text())
    assert list(metrics) == ["tracking", "merged"]
    for key, values in metrics.items():
        assert len(values) == 8
        assert values.items() <= corpus.metrics[key].items()
    (score,) = [stage for name, stage in stages().items() if name == "score"]
    assert score["metrics"] == [{"reports/metrics.json": {"cache": False}}]
    assert "metrics" not in {name for stage, entry in stages().items() if stage != "score" for name in entry}


def stages() -> dict[str, dict[str, Any]]:
    return YAML(typ="safe").load((REPOSITORY / "dvc.yaml").read_text())["stages"]


def test_metrics_by_video_joint_and_tag(corpus: Corpus, params: Params) -> None:
    corpus.run("score", params)
    tracking = corpus.metrics["tracking"]
    assert set(tracking["videos"]) == {"000001_mpii_test", "000002_mpii_test"}
    assert {tag: part["id_switches"] for tag, part in tracking["tags"].items()} == {"blur": 15, "crowd": 30}
    assert len(tracking["joints"]) == 15
    assert tracking["joints"]["neck"]["AP"] == pytest.approx(100)


def test_the_table_holds_every_figure(corpus: Corpus, params: Params) -> None:
    corpus.run("score", params)
    rows = read_table(SCORES, SCORES.path(corpus.workspace.tables)).to_pylist()
    total = {
        (row["tracks"], row["metric"]): row["value"]
        for row in rows
        if row["scope"] == "total" and row["joint"] == "total"
    }
    assert total["tracking", "switches"] == 30
    assert total["merged", "mota"] == pytest.approx(100)
    assert total["merged", "fa_hota"] == pytest.approx(corpus.metrics["merged"]["FA-HOTA"])
    assert {row["scope"] for row in rows} == {"total", "video", "tag"}


def test_a_sequence_that_cannot_be_scored_is_rejected_and_the_rest_counts(corpus: Corpus, params: Params) -> None:
    path = corpus.add("000003_mpii_test")
    data = json.loads(path.read_text())
    data["annotations"][1].pop("bbox_head")
    path.write_text(json.dumps(data))
    corpus.track(TRACKS, "000003_mpii_test")
    progress = corpus.run("score", params)
    (reject,) = progress.rejects
    assert reject["source"] == "000003_mpii_test"
    assert "bbox_head" in reject["reason"]
    assert str(corpus.workspace.data) not in reject["reason"]
    assert corpus.metrics["tracking"]["sequences"] == {"annotated": 3, "mAP": 2, "MOTA": 2, "HOTA": 2}
    assert corpus.metrics["tracking"]["mAP"] == pytest.approx(100)


def test_one_labelled_frame_gives_ap_but_no_mota(corpus: Corpus, params: Params) -> None:
    corpus.add("000004_mpii_test", labelled=1)
    corpus.track(TRACKS, "000004_mpii_test")
    progress = corpus.run("score", params)
    assert [reject["location"] for reject in progress.rejects] == ["MOTA"]
    assert corpus.metrics["tracking"]["sequences"] == {"annotated": 3, "mAP": 3, "MOTA": 2, "HOTA": 3}


def test_without_ground_truth_the_keys_stay_and_the_values_are_null(tmp_path: Path, params: Params) -> None:
    corpus = Corpus(tmp_path)
    corpus.add_bare("street")
    corpus.track(TRACKS, "street")
    assert "Nothing is scored" in corpus.run("score", params).notices[0]
    assert corpus.metrics["tracking"]["mAP"] is None
    assert corpus.metrics["merged"]["sequences"] == {"annotated": 0, "mAP": 0, "MOTA": 0, "HOTA": 0}
    assert read_table(SCORES, SCORES.path(corpus.workspace.tables)).num_rows == 0


def test_the_same_tables_give_the_same_bytes(corpus: Corpus, params: Params) -> None:
    files = (corpus.workspace.reports / "scores.json", SCORES.path(corpus.workspace.tables))
    contents = []
    for _ in range(2):
        corpus.run("score", params)
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_tracks_on_annotated_boxes_count_only_where_there_are_no_others(corpus: Corpus, params: Params) -> None:
    for name in ("000001_mpii_test", "000002_mpii_test"):
        corpus.track(TRACKS, name, box_source="annotated")
    corpus.run("score", params)
    assert corpus.metrics["tracking"]["mAP"] == 0
    annotated = params.model_copy(update={"detect": params.detect.model_copy(update={"box_sources": ["annotated"]})})
    corpus.run("score", annotated)
    assert corpus.metrics["tracking"]["mAP"] == pytest.approx(100)


def test_training_videos_and_bare_videos_are_not_scored(corpus: Corpus, params: Params) -> None:
    corpus.add("000005_mpii_train", split="train")
    corpus.add_bare("street")
    for name in ("000005_mpii_train", "street"):
        corpus.track(TRACKS, name)
    corpus.run("score", params)
    assert set(corpus.metrics["tracking"]["videos"]) == {"000001_mpii_test", "000002_mpii_test"}


def uncertainty(corpus: Corpus) -> dict[str, Any]:
    return json.loads((corpus.workspace.reports / "uncertainty.json").read_text())


def write_boxes(corpus: Corpus, video: str, frames: range, x: tuple[float, ...] = (100.0, 500.0)) -> None:
    """Boxes around persons at x, in some frames."""
    rows = [
        {"video_id": video, "box_source": "detected", "frame_index": frame, "detection_id": 10 * frame + number}
        | {"box_xywh": [at, 49.0, 160.0, 2.0], "score": 0.9, "drop_reason": None}
        for frame in frames
        for number, at in enumerate(x)
    ]
    write_table(DETECTIONS, rows, DETECTIONS.path(corpus.workspace.tables, video))


def test_the_interval_of_a_total_spans_its_videos(corpus: Corpus, params: Params) -> None:
    corpus.track(TRACKS, "000002_mpii_test")
    corpus.run("score", params)
    bounds = uncertainty(corpus)["intervals"]
    both = corpus.metrics["tracking"]
    low, high = bounds["tracking"]["id_switches"]
    assert (low, high) == (0, 2 * both["id_switches"]), "either video twice"
    assert bounds["tracking"]["MOTA"] == [pytest.approx(100 * (1 - 2 / 12)), pytest.approx(100)]
    assert bounds["merged"]["MOTA"] == [pytest.approx(100), pytest.approx(100)]


def test_the_ceiling_misses_whom_no_box_shows(corpus: Corpus, params: Params) -> None:
    write_boxes(corpus, "000001_mpii_test", range(4))
    write_boxes(corpus, "000002_mpii_test", range(4), x=(100.0,))
    corpus.run("score", params)
    ceiling = uncertainty(corpus)["ceiling"]
    assert ceiling["MOTA"] == pytest.approx(75), "one of four persons has no box"
    assert ceiling["mAP"] == pytest.approx(75)


def test_without_boxes_there_is_no_ceiling(corpus: Corpus, params: Params) -> None:
    corpus.run("score", params)
    assert uncertainty(corpus)["ceiling"] == {"mAP": None, "MOTA": None, "HOTA": None}


def test_the_last_point_of_a_curve_is_the_recall_and_precision_of_all_keypoints(corpus: Corpus, params: Params) -> None:
    corpus.run("score", params)
    rows = (corpus.workspace.artifacts / "plots" / "precision_recall.csv").read_text().splitlines()
    assert rows[0] == "joint,recall,precision"
    assert [row for row in rows if row.startswith("nose,")][-1] == "nose,1.0000,1.0000"
