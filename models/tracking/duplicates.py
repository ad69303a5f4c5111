"""Duplicate removal (A.3): a second pose of a person who is tracked already starts no track of its own.

A.3 names the step and gives no rule; this one is ours, and its two thresholds are chosen on the training split.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.frame_poses import FramePoses
from models.tracking.similarity import Similarity


def find_duplicates(
    carried_oks: FloatArray,
    similarity: FloatArray,
    matched_pose: IntArray,
    *,
    duplicate_oks: float,
    duplicate_ratio: float,
) -> IntArray:
    """Unmatched poses that are second poses of a track matched in this frame.

    Pose u doubles the pose k of track t when u's OKS with t's pose, carried to this frame, exceeds `duplicate_oks`
    and its similarity to t is at least `duplicate_ratio` times that of k.

    Args:
        carried_oks: (M,P) OKS of each matched track's carried pose with each pose of the frame.
        similarity: (M,P) of each matched track.
        matched_pose: (M,) column that each track was matched to.
        duplicate_oks: 0 to 1.
        duplicate_ratio: 0 to 1.

    Returns:
        (P,) column of the pose that each one doubles (that of the largest OKS, ties to the first track); -1 for the
        others and for matched poses.
    """
    tracks, poses = similarity.shape
    doubled = np.full(poses, -1, dtype=np.int64)
    if not tracks or not poses:
        return doubled
    own = similarity[np.arange(tracks), matched_pose]
    double: BoolArray = (carried_oks > duplicate_oks) & (similarity >= duplicate_ratio * own[:, None])
    nearest = np.where(double, carried_oks, -1.0).argmax(axis=0)
    is_double = np.asarray(double.any(axis=0))
    is_double[matched_pose] = False
    doubled[is_double] = matched_pose[nearest[is_double]]
    return doubled


@dataclass(frozen=True)
class DuplicateRule:
    """Duplicate removal for any similarity.

    Attributes:
        carried_oks: OKS of the source poses, carried to the target frame as that similarity carries them
            (correspondences, flow; OKS and re-ID leave them where they are).
        duplicate_oks, duplicate_ratio: see `find_duplicates`.
    """

    carried_oks: Similarity
    duplicate_oks: float
    duplicate_ratio: float

    def __call__(
        self, source_pose_id: IntArray, target: FramePoses, similarity: FloatArray, matched_pose: IntArray
    ) -> IntArray:
        """Column (P,) that each pose doubles, or -1, given the M matched sources and their similarity (M,P).

        The overlap is asked for only where the ratio leaves a choice: in most frames nowhere.
        """
        own = similarity[np.arange(len(matched_pose)), matched_pose]
        asked = similarity >= self.duplicate_ratio * own[:, None]
        asked[:, matched_pose] = False
        row, column = np.flatnonzero(asked.any(axis=1)), np.flatnonzero(asked.any(axis=0))
        if not len(row):
            return np.full(len(target), -1, dtype=np.int64)
        overlap = np.zeros(similarity.shape)
        overlap[np.ix_(row, column)] = self.carried_oks(source_pose_id[row], target.take(column))
        return find_duplicates(
            overlap,
            similarity,
            matched_pose,
            duplicate_oks=self.duplicate_oks,
            duplicate_ratio=self.duplicate_ratio,
        )
