"""Boxes, crops, OKS and suppression, one small fact at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.keypoints import EARS
from models.poses import boxes, crops
from models.poses.frame_poses import FramePoses
from models.poses.nms import suppress
from models.poses.oks import body_keypoints, oks, pose_oks

ALL = np.ones((1, 17), dtype=bool)


def grid_pose(x: float, y: float, size: float = 100.0) -> np.ndarray:
    """17 keypoints spread over a box of size x 2 size px, shape (1,17,2)."""
    steps = np.linspace(0.0, 1.0, 17)
    return np.stack([x + size * np.sort(np.sin(7 * steps) / 2 + 0.5), y + 2 * size * steps], axis=-1)[None]


def test_the_extent_passes_over_invalid_keypoints():
    x, y = np.array([0.0, 10, 500]), np.array([5.0, 20, 900])
    assert boxes.extent_xyxy(x, y, np.array([True, True, False])).tolist() == [0, 5, 10, 20]


def test_the_extent_of_no_keypoint_is_nan():
    assert np.isnan(boxes.extent_xyxy(np.ones(17), np.ones(17), np.zeros(17, dtype=bool))).all()


def test_a_clipped_box_ends_at_the_last_pixel():
    box = boxes.clip(np.array([-5.0, 10, 700, 700]), width=640, height=480)
    assert box.tolist() == [0, 10, 639, 479]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param([0, 0, 10, 10], 1.0, id="the same"),
        pytest.param([5, 0, 15, 10], 1 / 3, id="half beside"),
        pytest.param([10, 0, 20, 10], 0.0, id="touching"),
        pytest.param([2, 2, 4, 4], 0.04, id="inside"),
        pytest.param([3, 3, 3, 3], 0.0, id="empty"),
    ],
)
def test_iou(other, expected):
    matrix = boxes.iou(np.array([[0.0, 0, 10, 10]]), np.array([other], dtype=float))
    assert matrix.tolist() == [[pytest.approx(expected)]]


def test_a_wide_box_is_cut_with_its_width_over_the_crop_width():
    affine = crops.crop_affine(np.array([10.0, 20, 200, 50]), crop_width=96, crop_height=128)
    x, y = crops.apply(affine, np.array([10.0, 210, 110]), np.array([45.0, 45, 45]))
    assert x.tolist() == pytest.approx([0, 96, 48]) and y.tolist() == pytest.approx([64, 64, 64])


@given(st.lists(st.floats(1, 500), min_size=4, max_size=4), st.integers(1, 6))
def test_inverting_a_crop_affine_brings_points_back(box, count):
    affine = crops.crop_affine(np.tile(np.array(box), (count, 1)), crop_width=96, crop_height=128)
    x, y = np.linspace(0, 400, 2 * count * 17).reshape(2, count, 17)
    back = crops.apply(crops.invert(affine), *crops.apply(affine, x, y))
    assert np.allclose(back, (x, y), atol=1e-6)


def test_a_cropped_picture_holds_the_pixel_at_the_position_that_the_affine_gives():
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    picture[30, 41] = (9, 200, 77)
    affine = crops.crop_affine(np.array([21.0, 10, 40, 40]), crop_width=40, crop_height=48)
    crop = crops.crop_picture(picture, affine, crop_width=40, crop_height=48)
    x, y = crops.apply(affine, np.array([41.0]), np.array([30.0]))
    assert crop.shape == (48, 40, 3) and crop[int(y[0]), int(x[0])].tolist() == [9, 200, 77] and (crop > 0).sum() == 3


def test_equal_poses_have_oks_one():
    pose = grid_pose(0, 0)
    assert oks(pose, pose, valid=ALL, area=np.array(1e4)) == pytest.approx(1)


def test_oks_of_one_keypoint_is_the_formula_of_coco():
    pose, moved = grid_pose(0, 0), grid_pose(3, 4)
    only_nose = np.arange(17) == 0
    expected = np.exp(-25 / (2 * 900 * (2 * 0.026) ** 2))
    assert oks(pose, moved, valid=only_nose, area=np.array(900.0)) == pytest.approx(expected)


def test_oks_without_a_shared_keypoint_is_zero():
    pose, first = grid_pose(0, 0), np.arange(17)[None] < 8
    assert pose_oks(pose, pose, candidate_valid=first, reference_valid=~first).tolist() == [[0.0]]


def test_invalid_keypoints_may_be_nan():
    pose = grid_pose(0, 0)
    broken = np.where(np.arange(17)[:, None] == 3, np.nan, pose)
    valid = np.arange(17)[None] != 3
    assert pose_oks(broken, pose, candidate_valid=valid, reference_valid=ALL) == pytest.approx(1, abs=1e-6)


@given(st.floats(0, 60), st.floats(0, 60))
def test_oks_falls_with_distance(near, far):
    near, far = sorted((near, far))
    poses = np.concatenate([grid_pose(near, 0), grid_pose(far, 0)])
    value = pose_oks(grid_pose(0, 0), poses, candidate_valid=ALL, reference_valid=np.tile(ALL, (2, 1)))
    assert value[0, 0] >= value[0, 1]


def test_ears_are_never_body_keypoints():
    assert not body_keypoints(np.ones(17), 0.0)[EARS].any() and body_keypoints(np.ones(17), 0.0).sum() == 15


@pytest.mark.parametrize(
    ("scores", "pairs", "kept", "by"),
    [
        pytest.param([0.9, 0.8], {(0, 1): 0.71}, [0], [-1, 0], id="the better one suppresses"),
        pytest.param([0.8, 0.9], {(0, 1): 0.71}, [1], [1, -1], id="whatever the order"),
        pytest.param([0.9, 0.8], {(0, 1): 0.7}, [0, 1], [-1, -1], id="the threshold itself does not suppress"),
        pytest.param([0.8, 0.8], {(0, 1): 0.9}, [0], [-1, 0], id="ties go to the smaller index"),
        pytest.param([0.9, 0.8, 0.7], {(0, 1): 0.9, (1, 2): 0.9}, [0, 2], [-1, 0, -1], id="the fallen do not suppress"),
        pytest.param([], {}, [], [], id="no poses"),
    ],
)
def test_suppression(scores, pairs, kept, by):
    matrix = np.eye(len(scores))
    for (a, b), value in pairs.items():
        matrix[a, b] = matrix[b, a] = value
    result = suppress(np.array(scores), matrix, threshold=0.7)
    assert (np.flatnonzero(result.keep).tolist(), result.suppressed_by.tolist()) == (kept, by)


def test_a_shielded_pose_suppresses_better_ones_and_never_falls():
    result = suppress(np.array([0.9, 0.2, 0.1]), np.ones((3, 3)), threshold=0.7, shielded=np.array([False, True, True]))
    assert result.suppressed_by.tolist() == [1, -1, -1]


@given(st.integers(0, 9), st.floats(0, 1), st.randoms(use_true_random=False))
def test_kept_poses_do_not_overlap_and_each_fallen_one_overlaps_its_better(count, high, random):
    scores = np.array([random.random() for _ in range(count)])
    matrix = np.array([[random.random() for _ in range(count)] for _ in range(count)]).reshape(count, count)
    matrix = np.maximum(matrix, matrix.T)
    keep, by = suppress(scores, matrix, threshold=high)
    among_kept = matrix[np.ix_(keep, keep)] - np.diag(np.diag(matrix)[keep])
    assert (among_kept <= high).all()
    assert all(keep[by[i]] and matrix[by[i], i] > high and scores[by[i]] >= scores[i] for i in np.flatnonzero(~keep))


def test_frame_poses_stand_in_the_order_of_their_ids():
    poses = FramePoses(3, np.array([7, 2]), np.stack([np.full((17, 2), 7.0), np.full((17, 2), 2.0)]), np.ones((2, 17)))
    assert poses.pose_id.tolist() == [2, 7] and poses.xy[:, 0, 0].tolist() == [2, 7] and len(poses) == 2


def test_a_frame_may_have_no_poses():
    poses = FramePoses(0, np.zeros(0, dtype=np.int64), np.zeros((0, 17, 2)), np.zeros((0, 17)))
    assert len(poses) == 0 and poses.xy.shape == (0, 17, 2)
