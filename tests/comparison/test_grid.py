"""A grid of tracking params on tables written by hand: the present point is the stage's own result."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.runtime.repository import Repository
from models.keypoints import BODY
from tasks import track
from tasks.comparison.grid import GridRow, ParamsGrid, score_tracking, score_version, sweep_videos
from tasks.comparison.grid_page import sentences, write_grid
from tasks.comparison.versions import Version
from tasks.errors import InputError
from tasks.params.loading import load_params
from tasks.progress import Progress, as_current
from tasks.tables import write_table
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, DETECTIONS, POSES, RECOVERED_POSES
from tasks.tracker_evaluation.metrics import VideoScore, metrics_of
from tests.comparison.conftest import FRAME_COUNT, keypoints

ROOT = Path(__file__).parents[2]
PIPELINE = """
stages:
  track: {cmd: "true", params: [run, track], outs: [artifacts/track]}
  score: {cmd: "true", deps: [artifacts/track], params: [merge]}
"""
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
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    repository = Repository(tmp_path)
    with as_current(Progress(repository.state, "track")):
        track.run(repository.workspace, load_params(repository.params))
    return repository


def test_the_present_point_is_what_the_stage_tracked(repository):
    params = load_params(repository.params)
    videos = sweep_videos(repository.workspace, "val", "detected")
    version = Version("run", repository.workspace, params.model_dump(mode="json"), {})
    stored, present = score_version(version, "val", "tracks"), score_tracking(videos, params.track)
    assert list(stored) == list(present) == ["a", "b", "c"]
    assert metrics_of(present.values()) == metrics_of(stored.values())
    grid = grid_of([stored], [[present]])
    point = grid.points[0]
    assert (point.totals["tracks"].mota, point.difference, point.verdict) == (100.0, 0.0, "identical")


def test_points_are_judged_and_the_best_is_named(repository):
    arguments = ["sweep", "--in-memory", "--set", "track.tau_corr=0.1,0.9", "--split", "val", "--resamples", "20"]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    expected = "highest MOTA of tracks: track.tau_corr=0.1, +0.0 (+0.0 to +0.0), identical against the present params"
    assert expected in shown.output
    assert not (repository.root / "reports").exists(), "nothing is written"
    content = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert [(point["values"], point["verdict"]) for point in content["points"]] == [
        ({"track.tau_corr": "0.1"}, "identical"),
        ({"track.tau_corr": "0.9"}, "worse"),
    ]
    worse = content["points"][1]
    assert worse["difference"] == worse["totals"]["tracks"]["mota"] - 100


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["--set", "recover.max_gap_frames=2,3"], "expected a key"), (["--set", "merge.enabled=false"], "--set merge")],
)
def test_in_memory_takes_keys_of_track_alone(repository, arguments, what):
    (repository.root / "dvc.yaml").write_text(PIPELINE)
    refused = CliRunner().invoke(app, ["sweep", "--in-memory", *arguments])
    assert isinstance(refused.exception, InputError)
    assert what in str(refused.exception)


def test_videos_that_lack_are_refused(repository):
    refused = CliRunner().invoke(app, ["sweep", "--in-memory", "--set", "track.tau_corr=0.1", "--split", "train"])
    assert isinstance(refused.exception, InputError)
    assert "expected at least two annotated videos of the split train" in str(refused.exception)


def scores(repository: Repository, tau_corr: float) -> dict[str, VideoScore]:
    section = load_params(repository.params).track.model_copy(update={"tau_corr": tau_corr})
    return score_tracking(sweep_videos(repository.workspace, "val", "detected"), section)


def grid_of(present: list[dict[str, VideoScore]], rows: list[list[dict[str, VideoScore]]]) -> ParamsGrid:
    named = [
        GridRow({"k": str(number)}, (f"k={number}",), {"tracks": tuple(runs)})
        for number, runs in enumerate([present, *rows])
    ]
    return ParamsGrid(named[0], named[1:], kind="tracks", resamples=20, seed=1)


def test_a_difference_on_which_seeds_disagree_is_no_evidence(repository):
    good, bad = scores(repository, 0.1), scores(repository, 0.9)
    grid = grid_of([good, good], [[bad, bad], [bad, good]])
    both, half = grid.points
    assert (both.verdict, both.by_seed) == ("worse", (both.difference,) * 2)
    assert half.verdict == "no evidence"
    assert half.by_seed == (both.difference, 0.0)
    assert half.totals["tracks"].mota == pytest.approx((100 + both.totals["tracks"].mota) / 2)


def test_points_that_cannot_be_distinguished_from_the_best_are_named(repository, tmp_path):
    good, bad = scores(repository, 0.1), scores(repository, 0.9)
    grid = grid_of([bad], [[good], [bad], [good]])
    assert [point.is_beside_best for point in grid.points] == [True, False, True]
    assert grid.best == 0
    assert sentences(grid)[1:] == ["within noise: 1 other point of 3 cannot be distinguished from the best"]
    page = write_grid(grid, tmp_path / "reports/sweep/k", split="val", revision="abc")
    text = page.read_text()
    assert "<svg" in text
    assert "k=1: " in text
    assert "<script src" not in text
    assert [
        word for word in re.findall(r"(?:src|href)=.([^\"' >]+)", text) if not word.startswith(("#", "data:"))
    ] == []
    assert json.loads((tmp_path / "reports/sweep/k.json").read_text())["best"] == 0


def test_only_videos_that_every_point_has_are_judged(repository):
    good = scores(repository, 0.1)
    fewer = {name: score for name, score in good.items() if name != "b"}
    assert grid_of([good], [[fewer]]).videos == ["a", "c"]
    with pytest.raises(
        InputError, match="expected at least two annotated videos that every point has tracks of, got 1"
    ):
        grid_of([good], [[fewer], [{"a": good["a"], "b": good["b"]}]])
