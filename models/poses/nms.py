"""Greedy non-maximum suppression by OKS."""

from typing import NamedTuple

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray


class Suppression(NamedTuple):
    """What is kept of N poses, and why the others are not.

    Attributes:
        keep: (N,) bool.
        suppressed_by: (N,) index of the kept pose that suppressed each one; -1 where kept.
    """

    keep: BoolArray
    suppressed_by: IntArray


def suppress(
    scores: FloatArray, oks_matrix: FloatArray, *, threshold: float, shielded: BoolArray | None = None
) -> Suppression:
    """Keep the best pose, drop all whose OKS with it exceeds the threshold, go on with the best of the rest.

    Args:
        scores: (N,) higher is better; ties go to the smaller index, so bring poses in the order of their ids.
        oks_matrix: (N,N) at [kept, candidate].
        threshold: a pose is dropped when its OKS with a kept one is above it; at 1 nothing is dropped.
        shielded: (N,) poses that go first and are never dropped, whatever their score.
    """
    count = len(scores)
    first = np.zeros(count, dtype=np.bool_) if shielded is None else shielded
    order = np.lexsort((np.arange(count), -np.asarray(scores), ~first))
    suppressed_by = np.full(count, -1, dtype=np.int64)
    for place, best in enumerate(order):
        if suppressed_by[best] < 0:
            later = order[place + 1 :]
            falls = later[(oks_matrix[best, later] > threshold) & (suppressed_by[later] < 0) & ~first[later]]
            suppressed_by[falls] = best
    return Suppression(suppressed_by < 0, suppressed_by)
