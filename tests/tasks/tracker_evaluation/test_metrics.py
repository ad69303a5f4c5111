"""Metrics from arrays equal those of the exported files, scored as the files of any tracker are."""

import json

import numpy as np
import pytest

from models.keypoints import BODY, POSETRACK_KEYPOINTS
from tasks.formats.file_pairs import FilePair
from tasks.formats.json_files import load_json
from tasks.formats.posetrack_files import read_points
from tasks.formats.posetrack_tracks import Posetrack18Tracks
from tasks.formats.tracked_video import TrackedVideo, TrackedWindow
from tasks.scoring.evaluation import score_pair
from tasks.scoring.totals import total
from tasks.tracker_evaluation.metrics import TrackedPoses, score_tracks

FRAMES, PERSONS = 6, 3
THRESHOLD = 0.3


def annotation(keypoints):
    """A PoseTrack18 file of one video; keypoints (frames, persons, 17, 2)."""
    images = [
        {"id": 100 + frame, "file_name": f"images/val/000001_mpii_test/{frame:06}.jpg", "vid_id": "000001"}
        for frame in range(FRAMES)
    ]
    flags = np.isin(np.arange(17), BODY).astype(float)
    annotations = [
        {
            "id": frame * 10 + person,
            "image_id": 100 + frame,
            "category_id": 1,
            "track_id": person,
            "bbox_head": [0, 0, 20, 20],
            "keypoints": np.column_stack([keypoints[frame, person], flags]).reshape(-1).tolist(),
        }
        for frame in range(FRAMES)
        for person in range(PERSONS)
    ]
    categories = [{"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}]
    return {"images": images, "annotations": annotations, "categories": categories}


@pytest.fixture
def world(tmp_path):
    """Ground truth, and tracks of it: noisy, of many scores, two identities swapped in frame 3."""
    draw = np.random.default_rng(5)
    truth = draw.uniform(20, 300, (1, PERSONS, 17, 2)) + np.arange(FRAMES)[:, None, None, None]
    truth_path = tmp_path / "000001.json"
    truth_path.write_text(json.dumps(annotation(truth)))
    estimated = (truth + draw.normal(0, 6, truth.shape)).astype(np.float32)
    frame, person = (grid.ravel() for grid in np.mgrid[:FRAMES, :PERSONS])
    track = np.where((frame == 3) & (person < 2), 1 - person, person)
    score = draw.uniform(0, 1, (FRAMES * PERSONS, 17)).astype(np.float32)
    order = np.lexsort((track, frame))
    flat = estimated.reshape(-1, 17, 2)
    return truth_path, frame[order], track[order], flat[order], score[order]


def test_arrays_and_files_give_the_same_metrics(world, tmp_path):
    truth_path, frame, track, xy, score = world
    truth = json.loads(truth_path.read_text())
    is_shown = np.zeros(score.shape, dtype=bool)
    is_shown[:, BODY] = score.astype(np.float64)[:, BODY] >= THRESHOLD
    poses = {"xy": xy.astype(np.float64), "score": score.astype(np.float64), "is_shown": is_shown}
    nobody = np.zeros(len(frame), dtype=bool)
    window = TrackedWindow([], 0, 100 + frame, track, **poses, is_recovered=nobody)
    tracks = TrackedVideo("000001", [window], truth["images"], width=640, height=480, frames_per_second=None)
    predicted = tmp_path / "predicted.json"
    predicted.write_bytes(b"".join(Posetrack18Tracks().content(tracks)))
    official = total([score_pair(FilePair("000001", truth_path, predicted), with_hota=False)])
    points = read_points("truth", load_json(truth_path), is_truth=True)
    ours = score_tracks(
        [("000001", points, TrackedPoses(frame, track, xy, score))], output_keypoint_threshold=THRESHOLD
    )
    assert (ours.mean_ap, ours.mota) == (official.ap.ap[-1], official.mot.mota[-1])
    assert ours.switches == official.counts.switches.sum() > 0


def test_ground_truth_against_itself_is_perfect(world):
    truth_path, frame, _, _, _ = world
    truth = load_json(truth_path)
    points = read_points("truth", truth, is_truth=True)
    xy = np.array([person["keypoints"] for person in truth["annotations"]]).reshape(-1, 17, 3)[..., :2]
    tracks = TrackedPoses(frame, np.tile(np.arange(PERSONS), FRAMES), xy, np.ones((len(frame), 17)))
    metrics = score_tracks([("000001", points, tracks)], output_keypoint_threshold=0.0)
    assert (metrics.mean_ap, metrics.mota, metrics.switches) == (100, 100, 0)
    assert set(metrics.group_ap.values()) == {100}


def test_a_video_without_tracked_poses_is_scored_too(world):
    truth_path, *_ = world
    points = read_points("truth", load_json(truth_path), is_truth=True)
    empty = TrackedPoses(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 17, 2)), np.zeros((0, 17)))
    metrics = score_tracks([("000001", points, empty)], output_keypoint_threshold=0.0)
    assert (metrics.mean_ap, metrics.switches) == (0, 0)
    assert metrics.mota == -100  # in a frame without poses poseval counts one miss and one false positive
