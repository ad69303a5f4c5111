"""The stage score on a corpus of annotation files and written tracks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.keypoints import BODY, POSETRACK_KEYPOINTS
from tasks import score
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.tables import read_table, write_table
from tasks.tables.schemas import FRAMES, MERGED_TRACKS, SCORES, TRACKS, VIDEOS, Table
from tasks.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[2]
FRAMES_OF_VIDEO = 4
CATEGORY = {"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(REPOSITORY / "params.yaml")


def image_id(video: str, frame: int) -> int:
    return (int(video[:6]) if video[:6].isdigit() else 0) * 10_000 + frame


def joints(x: float) -> np.ndarray:
    """Positions of 17 keypoints in a row from (x, 50), 10 px apart; the ears at 0."""
    xy = np.column_stack([x + 10.0 * np.arange(17), np.full(17, 50.0)])
    return np.where(np.isin(np.arange(17), BODY)[:, None], xy, 0.0)


class Corpus:
    """Videos of four frames with two annotated persons at x = 100 and 500, and tracks that find them."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.of_repository(root)
        self.videos: list[dict[str, Any]] = []

    def add(
        self, name: str, *, split: str = "val", tags: tuple[str, ...] = (), labelled: int = FRAMES_OF_VIDEO
    ) -> Path:
        """Annotate a video; only its first `labelled` frames have persons."""
        path = self.workspace.data / "posetrack" / "annotations" / split / f"{name}.json"
        images = [
            {
                "id": image_id(name, at),
                "file_name": f"images/{split}/{name}/{at:06d}.jpg",
                "is_labeled": at < labelled,
                "ignore_regions_x": [],
                "ignore_regions_y": [],
            }
            for at in range(FRAMES_OF_VIDEO)
        ]
        annotations = []
        for at in range(labelled):
            for track_id, x in enumerate((100.0, 500.0)):
                keypoints = np.column_stack([joints(x), np.isin(np.arange(17), BODY)])
                annotations.append(
                    {
                        "image_id": image_id(name, at),
                        "track_id": track_id,
                        "keypoints": keypoints.ravel().tolist(),
                        "bbox_head": [x, 40, 30, 40],
                    }
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [CATEGORY]}))
        self._index(name, split, path.relative_to(self.workspace.data).as_posix(), tags, labelled)
        return path

    def add_bare(self, name: str) -> None:
        """A video without annotations."""
        self._index(name, "val", None, (), 0)

    def _index(self, name: str, split: str, source: str | None, tags: tuple[str, ...], labelled: int) -> None:
        known = {
            "video_id": name,
            "split": split,
            "source": source,
            "tags": list(tags),
            "labelled_frame_count": labelled,
        }
        self.videos.append(
            {
                **known,
                "media": name,
                "media_sha256": "0",
                "width": 800,
                "height": 100,
                "frame_count": FRAMES_OF_VIDEO,
                "frames_per_second": None,
            }
        )

    def track(
        self,
        table: Table,
        name: str,
        *,
        ids: Callable[[int], tuple[int, int]] = lambda frame: (7, 8),
        score: float = 0.9,
        box_source: str = "detected",
    ) -> None:
        """Tracks that find both persons in every frame, with the given identities and keypoint score."""
        rows = []
        for frame in range(FRAMES_OF_VIDEO):
            for person, x in enumerate((100.0, 500.0)):
                xy = joints(x) + 1.0
                own = {"video_id": name, "box_source": box_source, "frame_index": frame, "track_id": ids(frame)[person]}
                scores = (score - 0.001 * (10 * frame + person) - 0.0001 * np.arange(17)).tolist()
                values = {"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "score": scores}
                row = {**own, **values, "pose_id": 2 * frame + person, "origin": "detected", "similarity": None}
                rows.append(row | ({"source_track_id": 0} if table is MERGED_TRACKS else {}))
        write_table(table, rows, table.path(self.workspace.tables, name))

    def run(self, params: Params) -> Progress:
        """Write the index and run the stage."""
        tables = self.workspace.tables
        write_table(VIDEOS, self.videos, VIDEOS.path(tables))
        frames = [
            {
                "video_id": video["video_id"],
                "frame_index": at,
                "image_id": image_id(video["video_id"], at),
                "file_name": f"images/{video['video_id']}/{at:06d}.jpg",
                "path": None,
                "is_labelled": at < video["labelled_frame_count"],
                "ignore_regions": None,
            }
            for video in self.videos
            for at in range(FRAMES_OF_VIDEO)
        ]
        write_table(FRAMES, frames, FRAMES.path(tables))
        progress = Progress(None, "score")
        with as_current(progress):
            score.run(self.workspace, params)
        return progress

    @property
    def metrics(self) -> dict[str, Any]:
        """reports/metrics.json."""
        return json.loads((self.workspace.reports / "metrics.json").read_text())


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
    corpus.run(params)
    tracking, merged = corpus.metrics["tracking"], corpus.metrics["merged"]
    assert tracking["mAP"] == merged["mAP"] == pytest.approx(100)
    assert tracking["id_switches"] == 2 * 15
    assert merged["id_switches"] == 0
    assert {type(tracking[name]) for name in ("id_switches", "misses", "false_positives", "objects")} == {int}
    assert merged["MOTA"] == pytest.approx(100)
    assert tracking["MOTA"] == pytest.approx(100 * (1 - 2 / 12))
    assert tracking["sequences"] == {"annotated": 2, "mAP": 2, "MOTA": 2, "HOTA": 2}


def test_figures_by_video_joint_and_tag(corpus: Corpus, params: Params) -> None:
    corpus.run(params)
    tracking = corpus.metrics["tracking"]
    assert set(tracking["videos"]) == {"000001_mpii_test", "000002_mpii_test"}
    assert {tag: part["id_switches"] for tag, part in tracking["tags"].items()} == {"blur": 15, "crowd": 30}
    assert len(tracking["joints"]) == 15
    assert tracking["joints"]["neck"]["AP"] == pytest.approx(100)


def test_the_table_holds_every_figure(corpus: Corpus, params: Params) -> None:
    corpus.run(params)
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


def test_the_exported_files_score_the_same_outside_the_pipeline(corpus: Corpus, params: Params, tmp_path: Path) -> None:
    from tasks.scoring.run import Request, score_folder

    corpus.run(params)
    truth = corpus.workspace.data / "posetrack" / "annotations" / "val"
    totals = score_folder(Request(truth, corpus.workspace.posetrack / "tracking", tmp_path / "out")).totals
    assert totals.mot.mota[15] == pytest.approx(corpus.metrics["tracking"]["MOTA"], abs=1e-12)
    assert totals.hota["HOTA"][15] == pytest.approx(corpus.metrics["tracking"]["HOTA"], abs=1e-12)


def test_keypoints_below_the_threshold_are_not_exported(corpus: Corpus, params: Params) -> None:
    corpus.track(TRACKS, "000001_mpii_test", score=params.track.output_keypoint_threshold - 0.01)
    corpus.run(params)
    exported = json.loads((corpus.workspace.posetrack / "tracking" / "000001_mpii_test.json").read_text())
    assert len(exported["images"]) == FRAMES_OF_VIDEO
    assert exported["annotations"] == []


def test_a_sequence_that_cannot_be_scored_is_set_aside_and_the_rest_counts(corpus: Corpus, params: Params) -> None:
    path = corpus.add("000003_mpii_test")
    data = json.loads(path.read_text())
    data["annotations"][1].pop("bbox_head")
    path.write_text(json.dumps(data))
    corpus.track(TRACKS, "000003_mpii_test")
    progress = corpus.run(params)
    (reject,) = progress.rejects
    assert reject["source"] == "000003_mpii_test"
    assert "bbox_head" in reject["reason"]
    assert str(corpus.workspace.data) not in reject["reason"]
    assert corpus.metrics["tracking"]["sequences"] == {"annotated": 3, "mAP": 2, "MOTA": 2, "HOTA": 2}
    assert corpus.metrics["tracking"]["mAP"] == pytest.approx(100)


def test_one_labelled_frame_gives_ap_but_no_mota(corpus: Corpus, params: Params) -> None:
    corpus.add("000004_mpii_test", labelled=1)
    corpus.track(TRACKS, "000004_mpii_test")
    progress = corpus.run(params)
    assert [reject["place"] for reject in progress.rejects] == ["MOTA"]
    assert corpus.metrics["tracking"]["sequences"] == {"annotated": 3, "mAP": 3, "MOTA": 2, "HOTA": 3}


def test_training_videos_and_bare_videos_are_exported_not_scored(corpus: Corpus, params: Params) -> None:
    corpus.add("000005_mpii_train", split="train")
    corpus.add_bare("street")
    for name in ("000005_mpii_train", "street"):
        corpus.track(TRACKS, name)
    corpus.run(params)
    exported = {path.stem for path in (corpus.workspace.posetrack / "tracking").iterdir()}
    assert {"000005_mpii_train", "street"} < exported
    assert set(corpus.metrics["tracking"]["videos"]) == {"000001_mpii_test", "000002_mpii_test"}


def test_without_ground_truth_the_keys_stay_and_the_values_are_null(tmp_path: Path, params: Params) -> None:
    corpus = Corpus(tmp_path)
    corpus.add_bare("street")
    corpus.track(TRACKS, "street")
    assert "Nothing is scored" in corpus.run(params).notices[0]
    assert corpus.metrics["tracking"]["mAP"] is None
    assert corpus.metrics["merged"]["sequences"] == {"annotated": 0, "mAP": 0, "MOTA": 0, "HOTA": 0}
    assert read_table(SCORES, SCORES.path(corpus.workspace.tables)).num_rows == 0


def test_files_of_an_earlier_run_do_not_stay(corpus: Corpus, params: Params) -> None:
    stale = corpus.workspace.posetrack / "merged" / "old.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    corpus.run(params)
    assert not stale.exists()


def test_the_same_tables_give_the_same_bytes(corpus: Corpus, params: Params) -> None:
    files = (corpus.workspace.reports / "metrics.json", SCORES.path(corpus.workspace.tables))
    contents = []
    for _ in range(2):
        corpus.run(params)
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_tracks_on_annotated_boxes_count_only_where_there_are_no_others(corpus: Corpus, params: Params) -> None:
    for name in ("000001_mpii_test", "000002_mpii_test"):
        corpus.track(TRACKS, name, box_source="annotated")
    corpus.run(params)
    assert corpus.metrics["tracking"]["mAP"] == 0
    alone = params.model_copy(update={"detect": params.detect.model_copy(update={"box_sources": ["annotated"]})})
    corpus.run(alone)
    assert corpus.metrics["tracking"]["mAP"] == pytest.approx(100)
