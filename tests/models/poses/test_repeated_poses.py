"""Poses that repeat a better one of their group, found group by group."""

import numpy as np
import pytest

from models.poses.nms import repeated_poses


class CountedGroups(np.ndarray):
    """Groups that count how often all of them are compared with one."""

    comparisons = 0

    def __eq__(self, other):
        CountedGroups.comparisons += 1
        return super().__eq__(other)


@pytest.mark.parametrize("count", [2, 50])
def test_no_group_is_looked_for_among_all_poses(count):
    CountedGroups.comparisons = 0
    groups = np.tile(np.arange(count).astype(str), 2).view(CountedGroups)
    xy, score = np.tile(np.arange(34.0).reshape(17, 2), (2 * count, 1, 1)), np.ones((2 * count, 17))
    best_last = np.repeat([0.5, 0.9], count)
    repeats = repeated_poses(xy, score, best_last, groups=groups, keypoint_threshold=0.0, nms_oks=0.9)
    assert repeats.tolist() == [*range(count, 2 * count), *[-1] * count]
    assert CountedGroups.comparisons == 0


def test_without_poses_none_is_repeated():
    empty = {"groups": np.array([], dtype=str), "keypoint_threshold": 0.0, "nms_oks": 0.9}
    assert not len(repeated_poses(np.zeros((0, 17, 2)), np.zeros((0, 17)), np.zeros(0), **empty))
