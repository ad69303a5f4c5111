"""Duplicate removal (A.3), one case per row: one or two tracks, matched to poses 0 and 1, and a third pose."""

import numpy as np
import pytest

from models.tracking.duplicates import find_duplicates


@pytest.mark.parametrize(
    ("propagated_oks", "similarity", "duplicate_of"),
    [
        pytest.param([[0.9, 0.0, 0.7]], [[0.9, 0.0, 0.6]], 0, id="near and alike"),
        pytest.param([[0.9, 0.0, 0.6]], [[0.9, 0.0, 0.6]], -1, id="an OKS at the threshold is not above it"),
        pytest.param([[0.9, 0.0, 0.7]], [[1.0, 0.0, 0.5]], 0, id="a similarity at the ratio is enough"),
        pytest.param([[0.9, 0.0, 0.7]], [[1.0, 0.0, 0.4]], -1, id="near but unlike"),
        pytest.param([[0.9, 0.0, 0.7], [0.0, 0.9, 0.8]], [[0.9, 0.0, 0.9], [0.0, 0.9, 0.9]], 1, id="the nearer track"),
        pytest.param([[0.9, 0.0, 0.7], [0.0, 0.9, 0.7]], [[0.9, 0.0, 0.9], [0.0, 0.9, 0.9]], 0, id="a tie: the first"),
    ],
)
def test_a_third_pose(propagated_oks, similarity, duplicate_of):
    matched = np.arange(len(similarity))
    duplicates = find_duplicates(
        np.array(propagated_oks), np.array(similarity), matched, duplicate_oks=0.6, duplicate_ratio=0.5
    )
    assert duplicates.tolist() == [-1, -1, duplicate_of]


def test_matched_poses_are_never_duplicates_even_of_each_other():
    ones = np.ones((2, 2))
    assert find_duplicates(ones, ones, np.array([1, 0]), duplicate_oks=0.5, duplicate_ratio=0.5).tolist() == [-1, -1]


@pytest.mark.parametrize("shape", [(0, 3), (0, 0)])
def test_without_a_matched_track_nothing_is_a_duplicate(shape):
    nothing = np.zeros(shape)
    duplicates = find_duplicates(nothing, nothing, np.zeros(0, dtype=int), duplicate_oks=0.0, duplicate_ratio=0.0)
    assert duplicates.tolist() == [-1] * shape[1]
