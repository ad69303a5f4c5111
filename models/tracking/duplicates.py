"""Duplicate removal (A.3): a second pose of a person who is already tracked does not start a track.

A.3 names the step and gives no rule. This rule is ours; its two thresholds are chosen on the training split.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.frame_poses import FramePoses
from models.tracking.similarity import Similarity


def find_duplicates(
    propagated_oks: FloatArray,
    similarity: FloatArray,
    matched_pose: IntArray,
    *,
    duplicate_oks: float,
    duplicate_ratio: float,
) -> IntArray:
    """Find the unmatched poses that are second poses of a track matched in this frame.

    Pose u is a duplicate of pose k, matched to track t, when the OKS of u with t's pose, propagated to this frame,
    exceeds `duplicate_oks` and the similarity of u to t is at least `duplicate_ratio` times that of k.

    Args:
        propagated_oks: (M,P) OKS of the propagated pose of each matched track with each pose of the frame.
        similarity: (M,P) of each matched track with each pose.
        matched_pose: (M,) column that each track was matched to.
        duplicate_oks: 0 to 1.
        duplicate_ratio: 0 to 1.

    Returns:
        (P,) column of the matched pose that each pose is a duplicate of (of the largest OKS, ties to the first track);
        -1 for matched poses and for those that are no duplicate.
    """
    tracks, poses = similarity.shape
    duplicate_of = np.full(poses, -1, dtype=np.int64)
    if not tracks or not poses:
        return duplicate_of
    matched_similarity = similarity[np.arange(tracks), matched_pose]
    repeats: BoolArray = propagated_oks > duplicate_oks
    repeats &= similarity >= duplicate_ratio * matched_similarity[:, None]
    nearest_track = np.where(repeats, propagated_oks, -1.0).argmax(axis=0)
    is_duplicate = np.asarray(repeats.any(axis=0))
    is_duplicate[matched_pose] = False
    duplicate_of[is_duplicate] = matched_pose[nearest_track[is_duplicate]]
    return duplicate_of


@dataclass(frozen=True)
class DuplicateRule:
    """Duplicate removal for any similarity.

    Attributes:
        propagated_oks: OKS of the source poses after propagation to the target frame, by the means of that similarity:
            correspondences or flow; OKS and re-identification leave the poses where they are.
        duplicate_oks, duplicate_ratio: see `find_duplicates`.
    """

    propagated_oks: Similarity
    duplicate_oks: float
    duplicate_ratio: float

    def __call__(
        self, source_pose_id: IntArray, target: FramePoses, similarity: FloatArray, matched_pose: IntArray
    ) -> IntArray:
        """Column (P,) that each pose is a duplicate of, or -1.

        The OKS is computed only for pairs that pass the ratio; most frames have none.

        Args:
            source_pose_id: (M,) last poses of the matched tracks.
            target: the frame of P poses.
            similarity: (M,P).
            matched_pose: (M,) column that each track was matched to.
        """
        matched_similarity = similarity[np.arange(len(matched_pose)), matched_pose]
        passes_ratio = similarity >= self.duplicate_ratio * matched_similarity[:, None]
        passes_ratio[:, matched_pose] = False
        row, column = np.flatnonzero(passes_ratio.any(axis=1)), np.flatnonzero(passes_ratio.any(axis=0))
        if not len(row):
            return np.full(len(target), -1, dtype=np.int64)
        overlap = np.zeros(similarity.shape)
        overlap[np.ix_(row, column)] = self.propagated_oks(source_pose_id[row], target.take(column))
        return find_duplicates(
            overlap,
            similarity,
            matched_pose,
            duplicate_oks=self.duplicate_oks,
            duplicate_ratio=self.duplicate_ratio,
        )
