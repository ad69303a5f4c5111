"""Greedy non-maximum suppression by OKS (A.1)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.oks import body_keypoints, pose_oks


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


def repeated_poses(
    xy: FloatArray,
    score: FloatArray,
    pose_score: FloatArray,
    *,
    groups: npt.NDArray[Any],
    keypoint_threshold: float,
    nms_oks: float,
) -> IntArray:
    """Find the poses that repeat a better pose of their group, such as the same frame (A.1).

    Args:
        xy: (N,17,2) px.
        score: (N,17), 0 to 1.
        pose_score: (N,) higher is better; ties go to the smaller index.
        groups: (N,) equal for poses that are compared with each other.
        keypoint_threshold: keypoints of a lower score take no part in the OKS.
        nms_oks: a pose is a repetition when its OKS with a better pose is above it.

    Returns:
        (N,) index of the pose that each one repeats; -1 where it repeats none.
    """
    repeats = np.full(len(xy), -1, dtype=np.int64)
    order = np.argsort(groups, kind="stable")
    _, first = np.unique(groups[order], return_index=True)
    for start, end in zip(first, np.append(first, len(order))[1:], strict=True):
        rows = order[start:end]
        valid = body_keypoints(score[rows], keypoint_threshold)
        matrix = pose_oks(xy[rows], xy[rows], candidate_valid=valid, reference_valid=valid)
        suppressed_by = suppress(pose_score[rows], matrix, threshold=nms_oks).suppressed_by
        repeats[rows] = np.where(suppressed_by < 0, -1, rows[suppressed_by])
    return repeats
