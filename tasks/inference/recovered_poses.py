"""Missed poses: proposed by correspondences, estimated anew, kept where no other pose is (5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray, Picture
from models.poses.frame_poses import FramePoses
from models.tracking.recovery import confident_correspondences, has_enough_keypoints, recovery_boxes, suppress_recovered
from tasks.inference.correspondence_maps import PoseMaps
from tasks.inference.pose_estimator import PoseEstimator
from tasks.params.recover import RecoverParams


@dataclass(frozen=True)
class Proposals:
    """Poses that may have been missed in one frame, in ascending order of their sources' ids; R rows."""

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
    """All proposals of one frame in the order of their sources' ids; at least one part."""
    joined = {name.name: np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(Proposals)}
    order = np.argsort(joined["source_pose_id"], kind="stable")
    return Proposals(**{name: values[order] for name, values in joined.items()})


class Recovery:
    """Section 5.1 with the parameters of the stage."""

    def __init__(self, estimator: PoseEstimator, params: RecoverParams) -> None:
        self._estimator = estimator
        self._params = params

    def propose(self, source: FramePoses, chain_frames: IntArray, maps: PoseMaps, picture: Picture) -> Proposals:
        """Carry poses on and estimate them anew, from the original picture.

        Args:
            source: Q poses of the neighbouring frame.
            chain_frames: (Q,) recoveries in a row that led to each of them, 0 for detected poses.
            maps: their maps on the target frame.
            picture: the target frame (H,W,3), RGB.

        Returns:
            The proposals, without ids of their own (-1).
        """
        boxes_xywh = self._boxes(source, maps, picture)
        rows = np.flatnonzero(np.isfinite(boxes_xywh).all(axis=1) & (chain_frames <= self._params.max_chain_frames))
        poses = self._estimator.estimate(self._estimator.crop(picture, boxes_xywh[row]) for row in rows)
        return Proposals(
            pose_id=np.full(len(rows), -1, dtype=np.int64),
            source_pose_id=source.pose_id[rows],
            source_frame_index=np.full(len(rows), source.frame_index, dtype=np.int64),
            chain_frames=chain_frames[rows] + 1,
            box_xywh=boxes_xywh[rows],
            xy=poses.xy,
            score=poses.score,
        )

    def _boxes(self, source: FramePoses, maps: PoseMaps, picture: Picture) -> FloatArray:
        params = self._params
        xy, peak = maps.peaks(params.maps)
        threshold = params.corr_threshold if params.maps == "refined" else params.corr_threshold_siamese
        confident = confident_correspondences(
            source.score, peak, query_keypoint_threshold=params.query_keypoint_threshold, corr_threshold=threshold
        )
        margin = params.box_margin_px / maps.target.scale
        height, width = picture.shape[:2]
        return recovery_boxes(
            xy, confident, min_keypoints=params.min_keypoints, margin_px=margin, width=width, height=height
        )

    def drop_reasons(self, present: FramePoses, proposals: Proposals) -> list[str | None]:
        """Why each proposal is not kept beside the poses of its frame; None where it is."""
        params = self._params
        enough = has_enough_keypoints(
            proposals.score, joint_threshold=params.nms_keypoint_threshold, min_pose_keypoints=params.min_pose_keypoints
        )
        reasons: list[str | None] = [None if is_enough else "too few keypoints" for is_enough in enough]
        recovered = take(_under_source_ids(present.frame_index, proposals), enough)
        suppressed_by = suppress_recovered(
            present, recovered, joint_threshold=params.nms_keypoint_threshold, nms_oks=params.nms_oks
        ).suppressed_by
        ids = np.concatenate([present.pose_id, proposals.pose_id[enough]])
        for row, by in zip(np.flatnonzero(enough), suppressed_by, strict=True):
            if by >= 0:
                reasons[row] = f"OKS above recover.nms_oks with pose {ids[by]}"
        return reasons


def take(poses: FramePoses, keep: BoolArray) -> FramePoses:
    """The poses (P,) of a frame that a mask keeps."""
    return FramePoses(poses.frame_index, poses.pose_id[keep], poses.xy[keep], poses.score[keep])


def _under_source_ids(frame_index: int, proposals: Proposals) -> FramePoses:
    return FramePoses(frame_index, proposals.source_pose_id, proposals.xy, proposals.score)
