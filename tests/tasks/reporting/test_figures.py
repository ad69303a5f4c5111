"""The figures show the examples that their rules choose, on a scripted video with known answers."""

import json

import cv2
import numpy as np
import pytest

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.weight_files import save_weights
from tasks.code_files import REPOSITORY
from tasks.params.loading import load_params
from tasks.progress import Progress, as_current
from tasks.reporting.figures.examples import best
from tasks.reporting.figures.paper_figures import draw_figures
from tasks.reporting.figures.propagated_poses import figure_6
from tasks.reporting.figures.recovered_poses import figure_4, figure_10, recovered_poses
from tasks.reporting.figures.tracked_video import tracked_videos
from tasks.reporting.figures.tracking_failures import figure_9
from tasks.tables import TABLES, write_table
from tasks.tracker_evaluation.optical_flow import dis_flow
from tasks.workspace import Workspace

PARAMS = load_params(REPOSITORY / "params.yaml")
WIDTH, HEIGHT, FRAMES = 160, 120, 3
VIDEO = "000001_test"
SHAPE = np.column_stack([np.tile([-8.0, 0, 8, 4], 5)[:17], np.linspace(-30, 30, 17)])
"""A person about its middle."""
CENTRES = {1: (40.0, 60.0), 2: (110.0, 60.0)}
STEP = 6.0
"""Pixels by which everything moves to the right from frame to frame."""


def body(person: int, frame: int) -> np.ndarray:
    return SHAPE + CENTRES[person] + np.array([STEP * frame, 0.0])


def box_of(xy: np.ndarray) -> list[float]:
    low, high = xy.min(0) - 4, xy.max(0) + 4
    return [*low.tolist(), *(high - low).tolist()]


def pose(pose_id: int, frame: int, xy: np.ndarray, **more: object) -> dict[str, object]:
    row = {
        "video_id": VIDEO, "box_source": "detected", "frame_index": frame, "pose_id": pose_id, "origin": "detected",
        "box_xywh": box_of(xy), "x": xy[:, 0], "y": xy[:, 1], "score": np.full(17, 0.9), "pose_score": 0.9,
        "drop_reason": None, "duplicate_of": None,
    }  # fmt: skip
    return row | more


def recovered(pose_id: int, frame: int, xy: np.ndarray, source: int) -> dict[str, object]:
    more = {"source_pose_id": source, "source_frame_index": frame - 1, "chain_frames": 1, "origin": "recovered"}
    return pose(pose_id, frame, xy, **more)


def track(row: dict[str, object], track_id: int) -> dict[str, object]:
    kept = ("video_id", "box_source", "frame_index", "pose_id", "origin", "x", "y", "score")
    return {name: row[name] for name in kept} | {"track_id": track_id, "similarity": None}


def correspondence(source: int, frame: int, xy: np.ndarray) -> dict[str, object]:
    keys = {"video_id": VIDEO, "box_source": "detected", "source_pose_id": source}
    ends = {"source_frame_index": frame, "target_frame_index": frame + 1}
    maps = {f"{kind}_{axis}": xy[:, i] for kind in ("refined", "siamese") for i, axis in enumerate("xy")}
    return keys | ends | maps | {f"{kind}_peak": np.full(17, 0.8) for kind in ("refined", "siamese")}


def person(identity: int, frame: int) -> dict[str, object]:
    xy = body(identity, frame)
    return {
        "person_id": f"{VIDEO}/{frame}/{identity}", "source": "posetrack", "split": "val", "image_id": None,
        "video_id": VIDEO, "frame_index": frame, "track_id": identity, "annotation_id": frame * 10 + identity,
        "box_xywh": box_of(xy), "box_head_xywh": None, "area": 1000.0, "is_crowd": False, "x": xy[:, 0], "y": xy[:, 1],
        "visibility": [2] * 17,
    }  # fmt: skip


def write_world(root, *, annotated: bool) -> Workspace:
    """Persons 1 and 2 walk; 1 is missed in frame 1 and recovered; a recovery from 1 in frame 2 lands on 2.

    In frame 0 two tracks are on person 2, and person 1 changes from track 0 to track 7 in frame 2.
    """
    workspace = Workspace.of_repository(root)
    noise = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH + 40, 3), np.uint8)
    scene = cv2.GaussianBlur(noise, (0, 0), 2)
    for frame in range(FRAMES):
        start = 40 - round(STEP * frame)
        path = workspace.data / f"images/{frame}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), scene[:, start : start + WIDTH])
    video = {
        "video_id": VIDEO, "split": "val", "source": "a.json" if annotated else None, "media": "images",
        "media_sha256": "0", "width": WIDTH, "height": HEIGHT, "frame_count": FRAMES,
        "labelled_frame_count": FRAMES if annotated else 0, "frames_per_second": 25.0, "tags": ["occlusion"],
    }  # fmt: skip
    frames = [
        {
            "video_id": VIDEO, "frame_index": frame, "image_id": frame, "file_name": f"images/{frame}.png",
            "path": f"images/{frame}.png", "is_labelled": annotated, "ignore_regions": None, "seconds": None,
        }
        for frame in range(FRAMES)
    ]  # fmt: skip
    poses = [pose(0, 0, body(1, 0)), pose(1, 0, body(2, 0)), pose(2, 0, body(2, 0) + 1), pose(3, 1, body(2, 1))]
    poses += [pose(4, 2, body(1, 2)), pose(5, 2, body(2, 2))]
    recoveries = [recovered(10, 1, body(1, 1), source=0), recovered(11, 2, body(2, 2) + 2, source=10)]
    numbers = (0, 1, 2, 1, 7, 1)
    tracks = [track(row, number) for row, number in zip(poses, numbers, strict=True)] + [track(recoveries[0], 0)]
    moved = [correspondence(0, 0, body(1, 1)), correspondence(1, 0, body(2, 1) + 20)]
    contents = {
        "videos": [video],
        "frames": frames,
        "persons": [person(who, frame) for who in (1, 2) for frame in range(FRAMES)] if annotated else [],
        "poses": [row | {"detection_id": row["pose_id"]} for row in poses],
        "recovered_poses": recoveries,
        "correspondences": moved,
        "tracks": tracks,
    }
    for name, rows in contents.items():
        write_table(TABLES[name], rows, TABLES[name].path(workspace.tables, VIDEO))
    return workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return write_world(tmp_path, annotated=True)


@pytest.fixture
def bare(tmp_path) -> Workspace:
    return write_world(tmp_path, annotated=False)


def test_figure_9_shows_the_duplicate_and_the_switch(workspace):
    facts = [example.facts for example in figure_9(tracked_videos(workspace), keypoint_threshold=0.1).examples]
    assert [(fact["kind"], fact["person"], fact["frames"], fact["track_ids"]) for fact in facts] == [
        ("two tracks on one person", 2, [0], [1, 2]),
        ("identity switch", 1, [1, 2], [0, 7]),
    ]


def test_without_annotations_only_duplicates_are_known(bare):
    figure = figure_9(tracked_videos(bare), keypoint_threshold=0.1)
    assert [example.facts["track_ids"] for example in figure.examples] == [[1, 2]]
    assert "only where persons are annotated" in figure.nothing


def test_figure_10_separates_good_recoveries_from_wrong_ones(workspace):
    candidates = recovered_poses(tracked_videos(workspace))
    assert [(pose.was_missed, pose.on_another) for pose in candidates] == [(True, False), (False, True)]
    assert candidates[0].oks == pytest.approx(1)
    bad = figure_10(candidates, keypoint_threshold=0.1).examples[-1]
    assert bad.facts["pose_id"] == 11
    assert "on person 2, recovered from person 1" in bad.caption


def test_figure_4_needs_the_network(workspace):
    figure = figure_4(recovered_poses(tracked_videos(workspace)), None)
    assert not figure.examples
    assert "no correspondence network" in figure.nothing


def test_figure_6_measures_both_against_the_annotation(workspace):
    figure = figure_6(tracked_videos(workspace), dis_flow, maps="refined", keypoint_threshold=0.1)
    by_condition = {example.facts["condition"]: example.facts for example in figure.examples}
    assert set(by_condition) == {"occlusion", "where flow is nearer"}, "no blur, and each pose is shown once"
    assert by_condition["occlusion"]["pose_id"] == 0
    assert by_condition["occlusion"]["correspondence_error_px"] == pytest.approx(0, abs=1e-3)
    assert by_condition["occlusion"]["motion_px"] == pytest.approx(STEP)
    assert by_condition["where flow is nearer"]["pose_id"] == 1
    assert by_condition["where flow is nearer"]["correspondence_error_px"] == pytest.approx(np.hypot(20, 20), abs=1e-3)
    assert by_condition["where flow is nearer"]["flow_error_px"] < 2


def test_everything_is_drawn_with_and_without_annotations(workspace, tmp_path):
    pair = CorrespondenceNetwork(SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625))
    for world in (workspace, write_world(tmp_path / "bare", annotated=False)):
        path = world.weights("correspondence")
        save_weights(path, pair, kind="correspondence", architecture=pair.architecture, params={})
        progress = Progress(None, "report")
        with as_current(progress):
            shown = draw_figures(world, PARAMS)
        assert [figure["title"].split(".")[0] for figure in shown] == [f"Figure {n}" for n in (4, 6, 9, 10)]
        assert all(figure["examples"] or figure["nothing"] for figure in shown)
        assert all(
            example["picture"].startswith("data:image/jpeg") for figure in shown for example in figure["examples"]
        )
        assert shown[0]["examples"], "a missed pose was recovered"
        maps = shown[0]["examples"][0]["maps"]
        assert [joint.name for joint in maps.joints][:4] == ["Head top", "Nose", "Neck", "Left shoulder"]
        assert len(maps.joints) == 15
        assert {tuple(map.name for map in joint.maps) for joint in maps.joints} == {("S, unrefined", "C, refined")}
        assert all((joint.true is not None) == (world is workspace) for joint in maps.joints)
        assert [part["figure"] for part in json.loads((world.reports / "figures.json").read_text())] == [4, 6, 9, 10]
        assert progress.notices == []


def test_examples_come_from_different_videos_first():
    rows = [("a", 1), ("a", 2), ("b", 3), ("a", 4)]
    chosen = best(rows, 3, rank=lambda row: row[1], video_of=lambda row: row[0])
    assert chosen == [("a", 1), ("b", 3), ("a", 2)]
