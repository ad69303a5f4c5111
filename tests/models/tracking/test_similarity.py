"""Equation 6 and the baselines' similarities, one small fact per row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.keypoints import EARS
from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.correspondences import Affinities, PropagatedPoses
from models.tracking.similarity import (
    OksSimilarity,
    PropagatedOksSimilarity,
    ReidSimilarity,
    correspondence,
    cosine,
    propagated_oks,
)

FIGURE = np.stack([20 * np.cos(np.arange(17) * 2.4), 5 * np.arange(17.0)], axis=-1)


def one_pair(values: dict[int, float]) -> np.ndarray:
    """Affinity (1,1,17) with the given keypoints, 0 elsewhere."""
    affinity = np.zeros((1, 1, 17))
    for keypoint, value in values.items():
        affinity[0, 0, keypoint] = value
    return affinity


@pytest.mark.parametrize(
    ("affinity", "detected", "expected"),
    [
        pytest.param({0: 0.8, 5: 0.6}, range(17), 0.7, id="mean of the affinities above tau"),
        pytest.param({0: 0.8, 5: 0.2}, range(17), 0.8, id="those below tau count in neither sum"),
        pytest.param({0: 0.8, 5: 0.3}, range(17), 0.8, id="tau itself is not above tau"),
        pytest.param({0: 0.8, 5: 0.6}, [0, 1, 2], 0.8, id="a keypoint the track lacks does not count"),
        pytest.param({3: 0.9, 4: 0.9}, range(17), 0.0, id="ears never count"),
        pytest.param({0: 0.1}, range(17), 0.0, id="nothing above tau"),
        pytest.param({0: 0.9}, [], 0.0, id="a track without detected keypoints"),
    ],
)
def test_equation_6(affinity, detected, expected):
    valid = np.isin(np.arange(17), list(detected))[None]
    assert correspondence(one_pair(affinity), valid, tau=0.3).tolist() == [[pytest.approx(expected)]]


@pytest.mark.parametrize(
    ("affinity", "detected", "expected"),
    [
        pytest.param({0: 0.8, 5: 0.6}, [0, 1, 2, 5], 0.35, id="the sum over all four detected keypoints"),
        pytest.param({0: 0.8, 5: 0.2}, [0, 5], 0.4, id="an affinity up to tau counts as 0"),
        pytest.param({3: 0.9, 0: 0.6}, [0, 3, 4], 0.6, id="ears count in neither sum"),
        pytest.param({0: 0.9}, [], 0.0, id="a track without detected keypoints"),
    ],
)
def test_equation_6_as_a_mean_over_all_detected_keypoints(affinity, detected, expected):
    valid = np.isin(np.arange(17), detected)[None]
    assert correspondence(one_pair(affinity), valid, tau=0.3, mean_over="detected") == pytest.approx(expected)


def test_one_keypoint_outweighs_ten_only_in_the_mean_over_those_above_tau():
    many, single = one_pair(dict.fromkeys(range(5, 15), 0.8)), one_pair({0: 0.9})
    affinity, valid = np.concatenate([many, single], axis=1), np.ones((1, 17), dtype=bool)
    assert correspondence(affinity, valid, tau=0.3).argmax() == 1
    assert correspondence(affinity, valid, tau=0.3, mean_over="detected").argmax() == 0


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_equation_6_does_not_fall_when_tau_rises_until_nothing_is_left(seed, low, high):
    low, high = sorted((low, high))
    rng = np.random.default_rng(seed)
    affinity, valid = rng.random((3, 4, 17)), rng.random((3, 17)) > 0.3
    at_low, at_high = (correspondence(affinity, valid, tau=tau) for tau in (low, high))
    assert ((at_high >= at_low - 1e-12) | (at_high == 0)).all()
    assert ((at_high == 0) | (at_high > high)).all()


@given(st.integers(0, 2**32 - 1))
def test_equation_6_equals_the_loop_of_the_paper(seed):
    rng = np.random.default_rng(seed)
    affinity, valid = rng.random((2, 3, 17)), rng.random((2, 17)) > 0.5
    for q, p in np.ndindex(2, 3):
        counted = [affinity[q, p, j] for j in range(17) if valid[q, j] and j not in EARS and affinity[q, p, j] > 0.4]
        expected = sum(counted) / len(counted) if counted else 0.0
        assert correspondence(affinity, valid, tau=0.4)[q, p] == pytest.approx(expected)


def test_cosine_ignores_length_and_takes_zero_vectors():
    matrix = cosine(np.array([[3.0, 0], [0, 0]]), np.array([[7.0, 0], [0, 2], [-1, 0]]))
    assert matrix.tolist() == [[1, 0, -1], [0, 0, 0]]


def test_reid_finds_embeddings_by_pose_id_in_any_order():
    similarity = ReidSimilarity(np.array([9, 4, 6]), np.array([[0.0, 1], [1, 0], [1, 0]]))
    target = FramePoses(1, np.array([9, 6]), np.zeros((2, 17, 2)), np.ones((2, 17)))
    assert similarity(np.array([4]), target).tolist() == [[1, 0]]


def test_affinities_find_their_pairs_and_know_no_others():
    values = np.arange(3.0)[:, None] * np.ones(17) + 1
    affinities = Affinities(np.array([2, 1, 1]), np.array([5, 5, 6]), np.array([11, 10, 12]), values)
    target = FramePoses(5, np.array([11, 10]), np.zeros((2, 17, 2)), np.ones((2, 17)))
    block = affinities.block(np.array([1, 2, 77]), target)
    assert block.shape == (3, 2, 17) and block[..., 0].tolist() == [[2, 0], [0, 1], [0, 0]]
    empty = FramePoses(6, np.zeros(0), np.zeros((0, 17, 2)), np.zeros((0, 17)))
    assert affinities.block(np.array([1]), empty).shape == (1, 0, 17)
    assert affinities.block(np.zeros(0, dtype=int), target).shape == (0, 2, 17)


def test_a_propagated_pose_without_a_row_arrives_with_no_keypoint():
    propagated = PropagatedPoses(np.array([3]), np.array([8]), FIGURE[None], np.full((1, 17), 0.7))
    xy, peak = propagated.at(np.array([4, 3]), 8)
    assert (peak[0] == 0).all() and (peak[1] == 0.7).all() and np.array_equal(xy[1], FIGURE)
    assert (propagated.at(np.array([3]), 9)[1] == 0).all()


def test_propagated_oks_needs_enough_shared_keypoints():
    target = FramePoses(0, np.array([0]), FIGURE[None], np.ones((1, 17)))
    two, three = (np.isin(np.arange(17), shared)[None] for shared in ([0, 5], [0, 5, 6]))
    values = [propagated_oks(FIGURE[None], v, target, joint_threshold=0.1, min_keypoints=3)[0, 0] for v in (two, three)]
    assert values == [0, pytest.approx(1)]


def test_oks_does_not_follow_motion_and_propagated_oks_does():
    near, far = FIGURE[None], FIGURE[None] + [200.0, 0]
    frames = [FramePoses(f, np.array([f]), xy, np.ones((1, 17))) for f, xy in enumerate((near, far))]
    poses, propagated = VideoPoses(frames), PropagatedPoses(np.array([0]), np.array([1]), far, np.ones((1, 17)))
    still = OksSimilarity(poses, joint_threshold=0.1)(np.array([0]), frames[1])
    moved = PropagatedOksSimilarity(propagated, poses, 0.3, 0.1, 3)(np.array([0]), frames[1])
    assert still[0, 0] < 0.01 and moved[0, 0] == pytest.approx(1)


def test_propagated_oks_measures_in_the_size_of_each_target():
    """The same offset weighs less on a person of three times the size."""
    target = FramePoses(0, np.array([0, 1]), np.stack([FIGURE, FIGURE * 3]), np.ones((2, 17)))
    valid = np.arange(17)[None] == 0
    off = np.stack([FIGURE + np.array([2.0, 0]), 3 * (FIGURE + np.array([2.0, 0]))])
    value = propagated_oks(off, np.repeat(valid, 2, axis=0), target, joint_threshold=0.1, min_keypoints=1)
    assert value[0, 0] == pytest.approx(value[1, 1]) and 0 < value[0, 0] < 1


@pytest.mark.parametrize(("peak", "arrives"), [(0.29, False), (0.3, True)])
def test_propagated_keypoints_below_the_peak_threshold_do_not_arrive(peak, arrives):
    frame = FramePoses(1, np.array([1]), FIGURE[None], np.ones((1, 17)))
    poses = VideoPoses([FramePoses(0, np.array([0]), FIGURE[None], np.ones((1, 17))), frame])
    propagated = PropagatedPoses(np.array([0]), np.array([1]), FIGURE[None], np.full((1, 17), peak))
    value = PropagatedOksSimilarity(propagated, poses, 0.3, 0.1, min_keypoints=3)(np.array([0]), frame)
    assert value[0, 0] == pytest.approx(float(arrives))
