"""A grid of tracking params on tables written by hand: the present point is the stage's own result."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.runtime.repository import Repository
from models.keypoints import BODY
from tasks import track
from tasks.comparison.grid import GridPoint, best_point, judge, score_tracking, sweep_videos
from tasks.errors import InputError
from tasks.params.loading import load_params
from tasks.progress import Progress, as_current
from tasks.tables import write_table
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, DETECTIONS, POSES, RECOVERED_POSES, TRACKS
from tasks.tracker_evaluation.metrics import metrics_of, score_video
from tests.comparison.conftest import FRAME_COUNT, keypoints

ROOT = Path(__file__).parents[2]
AFFINITY = 0.6
"""Of a person with itself in the next frame; with the other person 0."""


def write_evidence(root: Path, name: str) -> None:
    """Both persons are found in every frame: pose 2 f + p is person p in frame f."""
    common = {"video_id": name, "box_source": "detected"}
    poses, affinities = [], []
    for frame in range(FRAME_COUNT):
        for person, x in enumerate((10.0, 200.0)):
            pose, xy = 2 * frame + person, keypoints(x)
            pose_row = {"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "score": [0.9] * 17, "pose_score": 0.9}
            pose_row |= {"origin": "detected", "box_xywh": [x, 40.0, 136.0, 20.0], "drop_reason": None}
            pose_row |= {"duplicate_of": None}
            poses.append(common | pose_row | {"frame_index": frame, "pose_id": pose, "detection_id": pose})
            for other in range(2 * (frame + 1), min(2 * (frame + 2), 2 * FRAME_COUNT)):
                values = np.where(np.isin(np.arange(17), BODY) & (other % 2 == person), AFFINITY, 0.0).tolist()
                pair = {"source_pose_id": pose, "source_frame_index": frame, "target_pose_id": other}
                affinities.append(
                    common | pair | {"target_frame_index": frame + 1, "refined": values, "siamese": values}
                )
    tables = root / "artifacts/tables"
    rows = {DETECTIONS: [], POSES: poses, RECOVERED_POSES: [], AFFINITIES: affinities, CORRESPONDENCES: []}
    for table, content in rows.items():
        write_table(table, content, table.path(tables, name))


@pytest.fixture
def repository(tmp_path, make_run, monkeypatch) -> Repository:
    """A checkout with three videos of two persons, tracked by the stage; it is the current folder."""
    names = ("a", "b", "c")
    make_run(tmp_path, dict.fromkeys(names, lambda frame: {}), tags={})
    for name in names:
        write_evidence(tmp_path, name)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    repository = Repository(tmp_path)
    with as_current(Progress(repository.state, "track")):
        track.run(repository.workspace, load_params(repository.params))
    return repository


def test_the_present_point_is_what_the_stage_tracked(repository):
    section = load_params(repository.params).track
    videos = sweep_videos(repository.workspace, "val", "detected")
    threshold = section.output_keypoint_threshold
    stored = [
        score_video(video.video_id, video.truth, video.stored(TRACKS), output_keypoint_threshold=threshold)
        for video in videos
    ]
    present = score_tracking(videos, section)
    assert metrics_of(present) == metrics_of(stored)
    point = judge({}, present, stored, resamples=20, seed=1)
    assert (point.mota, point.difference, point.verdict) == (100.0, 0.0, "identical")


def test_points_are_judged_and_the_best_is_named(repository):
    arguments = ["sweep", "--set", "track.tau_corr=0.1,0.9", "--split", "val", "--resamples", "20"]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "highest MOTA: track.tau_corr=0.1, identical against the present params" in shown.output
    points = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert [(point["values"], point["verdict"]) for point in points] == [
        ({"track.tau_corr": "0.1"}, "identical"),
        ({"track.tau_corr": "0.9"}, "worse"),
    ]
    assert points[1]["difference"] == points[1]["mota"] - 100


@pytest.mark.parametrize("setting", ["recover.max_gap_frames=2,3", "track.tau_corr", "tau_corr=1"])
def test_other_keys_are_refused_with_the_way_to_compare_them(repository, setting):
    refused = CliRunner().invoke(app, ["sweep", "--set", setting])
    assert isinstance(refused.exception, InputError)
    assert "--save NAME` for each value, then `corrtrack compare`" in str(refused.exception)


def test_values_that_do_not_fit_and_videos_that_lack_are_refused(repository):
    refused = CliRunner().invoke(app, ["sweep", "--set", "track.tau_corr=0.1,7"])
    assert isinstance(refused.exception, InputError)
    with pytest.raises(InputError, match="expected at least two annotated videos of the split train"):
        sweep_videos(repository.workspace, "train", "detected")


def test_an_undefined_point_is_never_the_best():
    points = [
        GridPoint({"k": str(mota)}, 0.0, mota, 0, 0.0, 0.0, 0.0, "no evidence") for mota in (float("nan"), -5.0, -7.0)
    ]
    assert best_point(points).values == {"k": "-5.0"}
    assert points[0].row()["mota"] is None
