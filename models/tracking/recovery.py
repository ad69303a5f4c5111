"""Recovery of missed poses (5.1): boxes around propagated keypoints, and removal of redundant re-estimated poses."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.boxes import area, clip, extent_xyxy, grow, xyxy_to_xywh
from models.poses.frame_poses import FramePoses
from models.poses.nms import Suppression, suppress
from models.poses.oks import body_keypoints, pose_oks


@dataclass(frozen=True)
class Proposals:
    """R poses that may have been missed in one frame, in ascending order of their sources' ids.

    Attributes:
        pose_id: (R,) ids of the proposals, -1 before they are given.
        source_pose_id: (R,) ids of the poses that were propagated.
        source_frame_index: (R,) frames of these poses.
        chain_frames: (R,) recoveries in a row that led to the proposal, 1 for a detected source.
        box_xywh: (R,4) px, the box in which the pose was re-estimated.
        xy: (R,17,2) px of the original picture.
        score: (R,17), 0 to 1.
    """

    pose_id: IntArray
    source_pose_id: IntArray
    source_frame_index: IntArray
    chain_frames: IntArray
    box_xywh: FloatArray
    xy: FloatArray
    score: FloatArray

    def __len__(self) -> int:
        return len(self.pose_id)


def join_proposals(parts: Sequence[Proposals]) -> Proposals:
    """Join the proposals of one frame, in the order of their sources' ids; at least one part."""
    names = [field.name for field in fields(Proposals)]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.argsort(columns["source_pose_id"], kind="stable")
    return Proposals(**{name: values[order] for name, values in columns.items()})


def confident_correspondences(
    query_score: FloatArray, peak: FloatArray, *, query_keypoint_threshold: float, corr_threshold: float
) -> BoolArray:
    """Keypoints (Q,17) detected in the source, by score (Q,17), and in the target, by peak (Q,17); never the ears."""
    return body_keypoints(query_score, query_keypoint_threshold) & np.asarray(peak >= corr_threshold)


def recovery_boxes(
    xy: FloatArray, confident: BoolArray, *, min_keypoints: int, margin_px: float, width: int, height: int
) -> FloatArray:
    """Box around the confident correspondences of each pose, in which the pose is re-estimated.

    Args:
        xy: (Q,17,2) peaks of the maps, px of the original picture.
        confident: (Q,17) correspondences to enclose.
        min_keypoints: least number of confident correspondences of a box.
        margin_px: margin on each side, px of the original picture (a margin in the fitted frame divided by its scale).
        width, height: size of the picture, px; boxes are clipped to it.

    Returns:
        (Q,4) xywh; NaN where there are too few correspondences or the box lies outside the picture.
    """
    boxes = clip(grow(extent_xyxy(xy[..., 0], xy[..., 1], confident), margin_px), width=width, height=height)
    usable = (confident.sum(axis=-1) >= min_keypoints) & (area(boxes) > 0)
    return np.where(usable[:, None], xyxy_to_xywh(boxes), np.nan)


def has_enough_keypoints(score: FloatArray, *, joint_threshold: float, min_pose_keypoints: int) -> BoolArray:
    """Which re-estimated poses, by scores (R,17), have enough body keypoints at or above the threshold; (R,)."""
    return np.asarray(body_keypoints(score, joint_threshold).sum(axis=-1) >= min_pose_keypoints)


def suppress_recovered(
    present: FramePoses, recovered: FramePoses, *, joint_threshold: float, nms_oks: float
) -> Suppression:
    """Drop recovered poses that repeat a pose of the frame or a recovered one of higher score (5.1).

    Poses that are already in the frame are never dropped. Recovered poses are compared in the order of their mean
    score, ties by source id.

    Args:
        present: every pose of the target frame so far, detected or recovered earlier.
        recovered: the re-estimated poses, with the ids of their SOURCE poses as `pose_id`.
        joint_threshold: keypoints below it take no part in the OKS.
        nms_oks: a recovered pose is dropped when its OKS with a kept pose exceeds it.

    Returns:
        `keep` (R,) in the order of `recovered.pose_id`; `suppressed_by` (R,): -1 where kept, i < P for pose i of
        `present`, P + r for pose r of `recovered`.
    """
    xy = np.concatenate([present.xy, recovered.xy])
    valid = body_keypoints(np.concatenate([present.score, recovered.score]), joint_threshold)
    overlap = pose_oks(xy, xy, candidate_valid=valid, reference_valid=valid)
    score = np.concatenate([present.mean_score(), recovered.mean_score()])
    shielded = np.arange(len(score)) < len(present)
    everyone = suppress(score, overlap, threshold=nms_oks, shielded=shielded)
    return Suppression(everyone.keep[len(present) :], everyone.suppressed_by[len(present) :])
