"""Recovery (5.1): boxes from correspondences, suppression, and a scripted miss that is filled at known positions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.poses.frame_poses import FramePoses
from models.tracking.recovery import (
    confident_correspondences,
    has_enough_keypoints,
    recovery_boxes,
    suppress_recovered,
)

FIGURE = np.stack([20 * np.cos(np.arange(17) * 2.4), 5 * np.arange(17.0)], axis=-1)
EVERY = np.ones(17, dtype=bool)


def standing(*positions: tuple[float, float], ids=None, scores=None) -> FramePoses:
    """Standing figures at these positions, with one score each."""
    scores = np.full(len(positions), 0.9) if scores is None else np.array(scores)
    pose_id = np.arange(len(positions)) if ids is None else np.array(ids)
    xy = np.array([FIGURE + position for position in positions]).reshape(-1, 17, 2)
    return FramePoses(0, pose_id, xy, np.repeat(scores[:, None], 17, axis=1))


@pytest.mark.parametrize(
    ("score", "peak", "confident"),
    [
        pytest.param(0.1, 0.3, True, id="both at their thresholds"),
        pytest.param(0.09, 0.9, False, id="not found in the source"),
        pytest.param(0.9, 0.29, False, id="not found in the target"),
    ],
)
def test_a_confident_correspondence(score, peak, confident):
    accepted = confident_correspondences(
        np.full((1, 17), score), np.full((1, 17), peak), query_keypoint_threshold=0.1, corr_threshold=0.3
    )
    assert accepted.sum() == (15 if confident else 0)


def test_the_box_encloses_the_confident_keypoints_with_the_margin():
    xy = np.zeros((1, 17, 2))
    xy[0, :4] = [(100, 50), (140, 60), (120, 200), (600, 400)]
    box = recovery_boxes(xy, np.arange(17)[None] < 3, min_keypoints=3, margin_px=10, width=640, height=480)
    assert box.tolist() == [[90, 40, 60, 170]]


@pytest.mark.parametrize(
    ("location", "keypoints", "expected"),
    [
        pytest.param((100, 100), 2, None, id="too few keypoints"),
        pytest.param((900, 100), 17, None, id="outside on the right"),
        pytest.param((-500, 100), 17, None, id="outside on the left"),
        pytest.param((100, 430), 17, [70, 420, 60, 59], id="cut at the lower border"),
    ],
)
def test_boxes_at_the_border(location, keypoints, expected):
    square = np.linspace([-20.0, 0.0], [20.0, 80.0], 17)
    box = recovery_boxes(
        square[None] + location, np.arange(17)[None] < keypoints, min_keypoints=3, margin_px=10, width=640, height=480
    )
    assert np.isnan(box).all() if expected is None else box[0].tolist() == expected


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_peak_threshold_gives_fewer_and_smaller_boxes(seed, low, high):
    low, high = sorted((low, high))
    rng = np.random.default_rng(seed)
    score, peak, xy = rng.random((6, 17)), rng.random((6, 17)), rng.random((6, 17, 2)) * 400
    wide, narrow = (
        recovery_boxes(
            xy,
            confident_correspondences(score, peak, query_keypoint_threshold=0.1, corr_threshold=threshold),
            **{"min_keypoints": 3, "margin_px": 5.0, "width": 400, "height": 400},
        )
        for threshold in (low, high)
    )
    boxed = np.isfinite(narrow[:, 0])
    assert np.isfinite(wide[boxed]).all() and (narrow[boxed, 2:] <= wide[boxed, 2:] + 1e-9).all()


def test_a_pose_of_ears_alone_has_too_few_keypoints():
    score = np.zeros((2, 17))
    score[0, [3, 4]], score[1, [0, 5]] = 1.0, 1.0
    assert has_enough_keypoints(score, joint_threshold=0.1, min_pose_keypoints=2).tolist() == [False, True]


@pytest.mark.parametrize(
    ("present", "recovered", "options", "by"),
    [
        pytest.param([(0, 0)], [(300, 0)], {}, [-1], id="a missed person is kept"),
        pytest.param([(0, 0)], [(2, 0)], {}, [0], id="a detected person is not repeated"),
        pytest.param([(0, 0), (300, 0)], [(302, 0)], {}, [1], id="compared with every pose of the frame"),
        pytest.param([], [(0, 0), (2, 0)], {"scores": [0.5, 0.6]}, [1, -1], id="the better recovered pose wins"),
        pytest.param([], [(0, 0), (2, 0)], {"scores": [0.6, 0.6]}, [-1, 0], id="ties go to the smaller source id"),
        pytest.param([], [(2, 0), (0, 0)], {"ids": [9, 4]}, [-1, 0], id="whatever the order of the rows"),
        pytest.param([], [], {}, [], id="nothing recovered"),
    ],
)
def test_suppression_of_recovered_poses(present, recovered, options, by):
    result = suppress_recovered(standing(*present), standing(*recovered, **options), joint_threshold=0.1, nms_oks=0.6)
    assert result.suppressed_by.tolist() == by and result.keep.tolist() == [index < 0 for index in by]


def test_a_recovered_pose_never_suppresses_a_detected_one():
    """The recovered pose is better, and still it is the one that falls."""
    result = suppress_recovered(
        standing((0, 0), scores=[0.2]), standing((0, 0), scores=[1.0]), joint_threshold=0.1, nms_oks=0.6
    )
    assert result.keep.tolist() == [False]


def walk(truth, detected, *, max_chain_frames: int, backward: bool = False) -> dict[int, FramePoses]:
    """Recover over a scripted video: correspondences and re-estimation give the truth, where a person is at all."""
    frames = {
        f: standing(*(truth[f][p] for p in seen), ids=[100 * f + p for p in seen]) for f, seen in detected.items()
    }
    chain = {int(pose): 0 for frame in frames.values() for pose in frame.pose_id}
    order = [(f, -1) for f in sorted(frames)] + [(f, 1) for f in sorted(frames, reverse=True) if backward]
    for f, step in order:
        source = frames.get(f + step)
        if source is None:
            continue
        persons = [pose % 100 for pose in source.pose_id.tolist() if chain[pose] <= max_chain_frames]
        persons = [person for person in persons if person in truth[f]]
        poses = standing(*(truth[f][p] for p in persons), ids=[100 * (f + step) + p for p in persons])
        box = recovery_boxes(
            poses.xy, np.tile(EVERY, (len(poses), 1)), min_keypoints=3, margin_px=5, width=9999, height=999
        )
        assert np.isfinite(box).all()
        kept = suppress_recovered(frames[f], poses, joint_threshold=0.1, nms_oks=0.6).keep
        new = [100 * f + p for p, is_kept in zip(persons, kept, strict=True) if is_kept]
        chain |= {pose: chain[100 * (f + step) + pose % 100] + 1 for pose in new}
        frames[f] = FramePoses(
            f,
            np.concatenate([frames[f].pose_id, new]),
            np.concatenate([frames[f].xy, poses.xy[kept]]),
            np.concatenate([frames[f].score, poses.score[kept]]),
        )
    return frames


@pytest.mark.parametrize(
    ("max_chain_frames", "backward", "filled"),
    [
        pytest.param(0, False, [4], id="the paper: one frame, from detected poses only"),
        pytest.param(1, False, [4, 5], id="chains of one more frame"),
        pytest.param(0, True, [4, 5], id="from both sides"),
    ],
)
def test_a_miss_in_frames_4_and_5_is_filled_where_the_person_is(max_chain_frames, backward, filled):
    truth = [{0: (100.0 + 10 * f, 50.0), 1: (600.0, 50.0)} for f in range(9)]
    detected = {f: [1] if f in (4, 5) else [0, 1] for f in range(9)}
    frames = walk(truth, detected, max_chain_frames=max_chain_frames, backward=backward)
    for f in (4, 5):
        pose_id = frames[f].pose_id.tolist()
        assert pose_id == ([100 * f, 100 * f + 1] if f in filled else [100 * f + 1])
        if f in filled:
            assert frames[f].xy[0].tolist() == (FIGURE + truth[f][0]).tolist()
    assert all(len(frames[f]) == 2 for f in range(9) if f not in (4, 5))


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_recovery_moves_and_removes_no_detected_pose(seed, backward):
    rng = np.random.default_rng(seed)
    truth = [{p: tuple(rng.uniform(0, 300, 2)) for p in range(4)} for _ in range(4)]
    detected = {f: np.flatnonzero(rng.random(4) > 0.4).tolist() for f in range(4)}
    frames = walk(truth, detected, max_chain_frames=2, backward=backward)
    for f, seen in detected.items():
        rows = np.isin(frames[f].pose_id, [100 * f + p for p in seen])
        assert rows.sum() == len(seen)
        before = standing(*(truth[f][p] for p in seen))
        assert np.array_equal(frames[f].xy[rows], before.xy) and np.array_equal(frames[f].score[rows], before.score)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_oks_threshold_lets_no_more_fall_to_detected_poses(seed, low, high):
    low, high = sorted((low, high))
    rng = np.random.default_rng(seed)
    present, recovered = (standing(*rng.uniform(0, 60, (n, 2))) for n in (4, 1))
    strict, loose = (suppress_recovered(present, recovered, joint_threshold=0.1, nms_oks=t).keep for t in (low, high))
    assert (loose | ~strict).all()
