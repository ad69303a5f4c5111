"""Similarity of the last pose of a track and a pose of the next frame: equation 6, and the baselines of Table 2.

A `Similarity` takes source poses by id and the poses of one target frame, and returns a matrix (Q,P): higher is more
similar, 0 or less means "no evidence". Association and duplicate removal work with any of them.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.keypoints import BODY
from models.poses.frame_poses import FramePoses, VideoPoses
from models.poses.oks import body_keypoints, keypoint_area, oks, pose_oks
from models.tracking.correspondences import Affinities, PropagatedPoses

MeanOver: TypeAlias = Literal["above_tau", "detected"]
"""The keypoints that equation 6 is a mean over: those whose affinity exceeds tau, or all detected ones of the track."""


class Similarity(Protocol):
    """Compares source poses (Q,), given by id, with the P poses of a target frame."""

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> FloatArray:
        """Similarity (Q,P) of each source pose with each pose of the target frame, in the given order."""


def correspondence(
    affinity: FloatArray, query_valid: BoolArray, *, tau: float, mean_over: MeanOver = "above_tau"
) -> FloatArray:
    """Equation 6: mean affinity over the detected keypoints of the track's pose whose affinity exceeds tau.

    As it is written, one keypoint of 0.9 outweighs ten of 0.8. With `mean_over` "detected" the affinities up to tau
    count as 0 in the mean, so that a pose that agrees in many keypoints is more similar than one that agrees in few.

    Args:
        affinity: (Q,P,17) C_j^q(j_f^p): the map of keypoint j of track q, read at keypoint j of pose p; 0 to 1.
        query_valid: (Q,17) the N_q detected keypoints of the track's pose; ears never count.
        tau: affinities must exceed it.
        mean_over: "above_tau" in the paper.

    Returns:
        (Q,P), tau to 1 (0 to 1 with "detected"); 0 where no affinity exceeds tau.
    """
    detected = query_valid[:, None, BODY]
    above = detected & (affinity[..., BODY] > tau)
    total = np.where(above, affinity[..., BODY], 0.0).sum(axis=-1, dtype=np.float64)
    counted = above if mean_over == "above_tau" else detected
    return np.asarray(total / np.maximum(counted.sum(axis=-1), 1))


def cosine(source: FloatArray, target: FloatArray) -> FloatArray:
    """Cosine (Q,P), -1 to 1, of embeddings (Q,D) and (P,D); 0 where one is the zero vector."""
    product = np.asarray(source, dtype=np.float64) @ np.asarray(target, dtype=np.float64).T
    length = np.linalg.norm(source, axis=1)[:, None] * np.linalg.norm(target, axis=1)[None]
    return np.asarray(product / np.where(length > 0, length, 1.0))


def propagated_oks(
    propagated_xy: FloatArray,
    propagated_valid: BoolArray,
    target: FramePoses,
    *,
    joint_threshold: float,
    min_keypoints: int,
) -> FloatArray:
    """OKS of poses propagated to a frame, by correspondences or by flow, with the poses of that frame.

    Args:
        propagated_xy: (Q,17,2) px.
        propagated_valid: (Q,17) keypoints that were propagated; ears never count.
        target: the P poses of the frame; their keypoint area is the person's size.
        joint_threshold: keypoints of `target` below it take no part.
        min_keypoints: with fewer shared keypoints the OKS is 0.

    Returns:
        (Q,P), 0 to 1.
    """
    detected = body_keypoints(target.score, joint_threshold)
    shared = propagated_valid[:, None] & detected[None]
    value = oks(propagated_xy, target.xy, valid=shared, area=keypoint_area(target.xy, detected)[None])
    return np.where(shared.sum(axis=-1) >= min_keypoints, value, 0.0)


@dataclass(frozen=True)
class CorrespondenceSimilarity:
    """Equation 6 over the affinity rows of a video.

    Attributes:
        affinities: of the refined maps C, or of S.
        poses: all poses of the video.
        tau: `track.tau_corr` for C, `track.tau_corr_siamese` for S.
        query_keypoint_threshold: keypoints of the source below it do not count as detected.
        mean_over: keypoints that the mean is over.
    """

    affinities: Affinities
    poses: VideoPoses
    tau: float
    query_keypoint_threshold: float
    mean_over: MeanOver = "above_tau"

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> FloatArray:
        """Equation 6 as a matrix (Q,P)."""
        detected = body_keypoints(self.poses.score(source_pose_id), self.query_keypoint_threshold)
        affinity = self.affinities.block(source_pose_id, target)
        return correspondence(affinity, detected, tau=self.tau, mean_over=self.mean_over)


@dataclass(frozen=True)
class OksSimilarity:
    """OKS of the poses without propagation: the simplest baseline of Table 2."""

    poses: VideoPoses
    joint_threshold: float

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> FloatArray:
        """OKS as a matrix (Q,P)."""
        return pose_oks(
            self.poses.xy(source_pose_id),
            target.xy,
            candidate_valid=body_keypoints(self.poses.score(source_pose_id), self.joint_threshold),
            reference_valid=body_keypoints(target.score, self.joint_threshold),
        )


@dataclass(frozen=True)
class PropagatedOksSimilarity:
    """OKS of propagated poses: the optical-flow baseline, and the overlap in duplicate removal.

    Attributes:
        propagated: poses propagated by correspondences or by flow.
        poses: all poses of the video.
        peak_threshold: propagated keypoints with a lower peak take no part.
        joint_threshold: keypoints of the source or of the target with a lower score take no part.
        min_keypoints: with fewer shared keypoints the OKS is 0.
    """

    propagated: PropagatedPoses
    poses: VideoPoses
    peak_threshold: float
    joint_threshold: float
    min_keypoints: int

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> FloatArray:
        """OKS as a matrix (Q,P)."""
        xy, peak = self.propagated.at(source_pose_id, target.frame_index)
        detected = body_keypoints(self.poses.score(source_pose_id), self.joint_threshold)
        valid = detected & (peak > 0) & (peak >= self.peak_threshold)
        return propagated_oks(xy, valid, target, joint_threshold=self.joint_threshold, min_keypoints=self.min_keypoints)


class ReidSimilarity:
    """Cosine of appearance embeddings: the re-identification baseline of Table 2.

    Args of the constructor, N poses in any order:
        pose_id: (N,) every pose that will be compared.
        embedding: (N,D).
    """

    def __init__(self, pose_id: IntArray, embedding: FloatArray) -> None:
        order = np.argsort(pose_id, kind="stable")
        self._pose_id, self._embedding = np.asarray(pose_id)[order], np.asarray(embedding)[order]

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> FloatArray:
        """Cosine as a matrix (Q,P)."""
        rows = [np.searchsorted(self._pose_id, ids) for ids in (source_pose_id, target.pose_id)]
        return cosine(self._embedding[rows[0]], self._embedding[rows[1]])
