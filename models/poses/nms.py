"""Greedy non-maximum suppression by OKS."""

from typing import NamedTuple

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray


class Suppression(NamedTuple):
    """Which of N poses are kept, and which pose suppressed each of the others.

    Attributes:
        keep: (N,) bool.
        suppressed_by: (N,) index of the kept pose that suppressed each one; -1 where kept.
    """

    keep: BoolArray
    suppressed_by: IntArray


def suppress(
    scores: FloatArray, oks_matrix: FloatArray, *, threshold: float, shielded: BoolArray | None = None
) -> Suppression:
    """Keep the best pose, drop all poses whose OKS with it exceeds the threshold, and repeat with the rest.

    Args:
        scores: (N,) higher is better; ties go to the smaller index, so pass poses in the order of their ids.
        oks_matrix: (N,N) at [kept, candidate].
        threshold: a pose is dropped when its OKS with a kept one is above it; at 1 nothing is dropped.
        shielded: (N,) poses that are kept whatever their score, and come before all others.
    """
    count = len(scores)
    first = np.zeros(count, dtype=np.bool_) if shielded is None else shielded
    order = np.lexsort((np.arange(count), -np.asarray(scores), ~first))
    suppressed_by = np.full(count, -1, dtype=np.int64)
    for rank, best in enumerate(order):
        if suppressed_by[best] < 0:
            later = order[rank + 1 :]
            dropped = later[(oks_matrix[best, later] > threshold) & (suppressed_by[later] < 0) & ~first[later]]
            suppressed_by[dropped] = best
    return Suppression(suppressed_by < 0, suppressed_by)
