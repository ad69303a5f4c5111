"""The released scripts' rule (FACTS 4.7): one track, one pose, and one gate at a time."""

import numpy as np
import pytest

from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.correspondences import Affinities, PropagatedPoses
from models.tracking.released import ReleasedMatcher, ReleasedRule

FIGURE = np.stack([20 * np.cos(np.arange(17) * 2.4), 5 * np.arange(17.0)], axis=-1) + 100
RULE = ReleasedRule(
    joint_threshold=0.1, corr_threshold=0.3, oks_threshold=0.2, min_keypoints=2, box_margin_px=10, duplicate_ratio=0.6
)


def keypoints(values: dict[int, float], otherwise: float = 0.0) -> np.ndarray:
    return np.array([values.get(keypoint, otherwise) for keypoint in range(17)])


def match(shift=0.0, peak=None, affinity=None, targets=((0.0, 0.9),)):
    """One source figure, propagated to its own position plus `shift`; target figures at (offset, score)."""
    peak = keypoints({}, 0.9) if peak is None else peak
    source = FramePoses(0, np.array([0]), FIGURE[None], np.ones((1, 17)))
    xy = np.array([FIGURE + np.array([offset, 0]) for offset, _ in targets])
    scores = np.array([np.full(17, score) for _, score in targets])
    target = FramePoses(1, 10 + np.arange(len(targets)), xy, scores)
    affinity = np.full((len(targets), 17), 0.8) if affinity is None else np.array(affinity)
    ones = np.ones(len(targets), dtype=int)
    matcher = ReleasedMatcher(
        Affinities(0 * ones, ones, target.pose_id, affinity),
        PropagatedPoses(np.array([0]), np.array([1]), FIGURE[None] + [shift, 0.0], peak[None]),
        VideoPoses([source, target]),
        *(640, 480),
        RULE,
    )
    return matcher(np.array([0]), target)


@pytest.mark.parametrize(
    ("case", "matched"),
    [
        pytest.param({}, True, id="all gates pass"),
        pytest.param({"peak": keypoints({0: 0.9, 5: 0.9})}, True, id="two correspondences inside the box are enough"),
        pytest.param({"peak": keypoints({0: 0.9})}, False, id="one is not"),
        pytest.param({"peak": keypoints({0: 0.9, 3: 0.9, 4: 0.9})}, False, id="and ears are none"),
        pytest.param({"peak": keypoints({}, 0.3)}, False, id="a box score at the threshold"),
        pytest.param({"shift": 300.0}, False, id="correspondences outside the box"),
        pytest.param({"shift": 29.0}, False, id="inside the grown box, but an OKS below its threshold"),
        pytest.param({"affinity": [keypoints({0: 0.9})]}, True, id="an affinity sum above twice the threshold"),
        pytest.param({"affinity": [keypoints({0: 0.6})]}, False, id="an affinity sum at twice the threshold"),
        pytest.param({"affinity": [keypoints({}, 0.3)]}, False, id="affinities at the threshold add nothing"),
        pytest.param({"targets": ((0.0, 0.05),)}, False, id="a pose without keypoints"),
    ],
)
def test_gates(case, matched):
    assert match(**case).source.tolist() == ([0] if matched else [])


def test_the_similarity_is_oks_plus_mean_affinity():
    assert match().similarity.tolist() == pytest.approx([1.8])


def test_only_poses_inside_the_box_gate_are_candidates():
    """The far pose has the larger sum of OKS and mean affinity, the near one holds the correspondences."""
    matches = match(targets=((0.0, 0.9), (200.0, 0.9)), affinity=[keypoints({}, 0.31), keypoints({}, 1.0)], shift=12.0)
    assert matches.pose.tolist() == [0]


@pytest.mark.parametrize(
    ("offset", "affinity", "duplicate_of"),
    [
        pytest.param(4.0, 0.8, [-1, 0], id="near and alike"),
        pytest.param(300.0, 0.2, [-1, -1], id="no vote at all"),
        pytest.param(300.0, 0.45, [-1, -1], id="a vote, but the sum of the ratios is too small"),
        pytest.param(300.0, 0.6, [-1, 0], id="far, but alike"),
    ],
)
def test_duplicates_by_the_sum_of_two_ratios(offset, affinity, duplicate_of):
    matches = match(targets=((0.0, 0.9), (offset, 0.9)), affinity=[keypoints({}, 0.8), keypoints({}, affinity)])
    assert matches.pose.tolist() == [0] and matches.duplicate_of.tolist() == duplicate_of


def test_a_track_without_a_match_votes_for_no_duplicate():
    matches = match(shift=29.0, targets=((0.0, 0.9), (1.0, 0.9)))
    assert matches.source.tolist() == [] and matches.duplicate_of.tolist() == [-1, -1] and matches.may_start.all()


def test_two_tracks_that_claim_one_pose_leave_it_to_the_better():
    frames = [FramePoses(0, np.array([0, 1]), np.stack([FIGURE] * 2), np.ones((2, 17)))]
    frames.append(FramePoses(1, np.array([2]), FIGURE[None], np.ones((1, 17))))
    affinity = np.array([keypoints({}, 0.5), keypoints({}, 0.7)])
    matcher = ReleasedMatcher(
        Affinities(np.array([0, 1]), np.array([1, 1]), np.array([2, 2]), affinity),
        PropagatedPoses(np.array([0, 1]), np.array([1, 1]), np.stack([FIGURE] * 2), np.full((2, 17), 0.9)),
        VideoPoses(frames),
        *(640, 480),
        RULE,
    )
    assert matcher(np.array([0, 1]), frames[1]).source.tolist() == [1]
