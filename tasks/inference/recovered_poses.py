"""Missed poses: proposed by correspondences, estimated anew, kept where they repeat no other pose (5.1)."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import BoolArray, FloatArray, IntArray, Picture
from models.poses.estimation import PoseEstimator
from models.poses.frame_poses import EstimatedPoses, FramePoses, body_score, join_poses, no_poses
from models.tracking.correspondence_maps import PoseMaps
from models.tracking.recovery import (
    Proposals,
    confident_correspondences,
    has_enough_keypoints,
    join_proposals,
    recovery_boxes,
    suppress_recovered,
)
from tasks.inference.video_tables import RowBlocks, frame_poses
from tasks.params.recover import RecoverParams
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.schemas import RECOVERED_POSES


@dataclass(frozen=True)
class Verdict:
    """Whether a proposal is kept, as the table recovered_poses has it."""

    drop_reason: str | None = None
    duplicate_of: int | None = None


class PoseProposer:
    """Section 5.1 with the parameters of the stage recover; without an estimator propagated keypoints are kept."""

    def __init__(self, estimator: PoseEstimator | None, params: RecoverParams) -> None:
        self._estimator = estimator
        self._params = params

    def propose(self, source: FramePoses, chain_frames: IntArray, maps: PoseMaps, picture: Picture) -> Proposals:
        """Propagate poses to the target frame, and estimate them anew in its original picture.

        Without an estimator a keypoint stays at the peak of its map with the score of its source, and is missing
        (score 0) where the correspondence is not confident.

        Args:
            source: Q poses of the neighbouring frame.
            chain_frames: (Q,) recoveries in a row that led to each of them, 0 for detected poses.
            maps: their maps on the target frame.
            picture: the target frame (H,W,3), RGB.

        Returns:
            The proposals, without ids of their own (-1).
        """
        propagated, confident = self._propagated(source, maps)
        boxes_xywh = self._boxes(propagated, confident, maps, picture)
        rows = np.flatnonzero(np.isfinite(boxes_xywh).all(axis=1) & (chain_frames <= self._params.max_chain_frames))
        if self._estimator is None:
            score = np.where(confident, source.score, 0.0)[rows]
            poses = EstimatedPoses(_single_precision(propagated[rows]), _single_precision(score))
        else:
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

    def _propagated(self, source: FramePoses, maps: PoseMaps) -> tuple[FloatArray, BoolArray]:
        """Peaks (Q,17,2) of the maps, and whether each correspondence is confident (Q,17)."""
        params = self._params
        xy, peak = maps.peaks(params.maps)
        threshold = params.corr_threshold if params.maps == "refined" else params.corr_threshold_siamese
        confident = confident_correspondences(
            source.score, peak, query_keypoint_threshold=params.query_keypoint_threshold, corr_threshold=threshold
        )
        return xy, confident

    def _boxes(self, xy: FloatArray, confident: BoolArray, maps: PoseMaps, picture: Picture) -> FloatArray:
        params = self._params
        margin = params.box_margin_px / maps.target.scale
        height, width = picture.shape[:2]
        return recovery_boxes(
            xy, confident, min_keypoints=params.min_keypoints, margin_px=margin, width=width, height=height
        )

    def verdicts(self, present: FramePoses, proposals: Proposals) -> list[Verdict]:
        """Judge each proposal (R,) beside the poses of its frame."""
        params = self._params
        enough = has_enough_keypoints(
            proposals.score, joint_threshold=params.nms_keypoint_threshold, min_pose_keypoints=params.min_pose_keypoints
        )
        verdicts = [Verdict() if is_enough else Verdict("few_keypoints") for is_enough in enough]
        by_source_id = FramePoses(present.frame_index, proposals.source_pose_id, proposals.xy, proposals.score)
        suppressed_by = suppress_recovered(
            present, by_source_id.take(enough), joint_threshold=params.nms_keypoint_threshold, nms_oks=params.nms_oks
        ).suppressed_by
        ids = np.concatenate([present.pose_id, proposals.pose_id[enough]])
        for row, by in zip(np.flatnonzero(enough), suppressed_by, strict=True):
            if by >= 0:
                verdicts[row] = Verdict("duplicate", int(ids[by]))
        return verdicts


def _single_precision(values: FloatArray) -> FloatArray:
    """The numbers that the table gives back."""
    return values.astype(np.float32).astype(np.float64)


class BoxSourcePoses:
    """The poses of one box source of a video by frame: those detected, and those recovered so far.

    Neighbours are counted in the frames that can hold boxes of the source.

    Attributes:
        box_source: detected or annotated.
        frames: frames that can hold its boxes, ascending.
    """

    def __init__(self, box_source: str, frames: Sequence[int], poses: pa.Table) -> None:
        self.box_source = box_source
        self.frames = list(frames)
        self._position = {frame_index: position for position, frame_index in enumerate(self.frames)}
        self._detected = {detected.frame_index: detected for detected in frame_poses(poses)}
        self._all = dict(self._detected)
        self._next_pose_id = max(poses["pose_id"].to_pylist(), default=-1) + 1
        self._chain_frames: dict[int, int] = {}
        self._proposals: dict[int, Proposals] = {}
        self._verdicts: dict[int, list[Verdict]] = {}

    def __contains__(self, frame_index: int) -> bool:
        return frame_index in self._position

    def at(self, frame_index: int) -> FramePoses:
        """Return the detected poses of a frame and those recovered so far."""
        return self._all.get(frame_index) or no_poses(frame_index)

    def neighbours(self, frame_index: int, steps: Sequence[int]) -> list[tuple[int, FramePoses]]:
        """Return step and poses of the frames so many steps later (earlier where negative) that have any pose."""
        positions = ((step, self._position[frame_index] + step) for step in steps)
        poses = [(step, self.at(self.frames[at])) for step, at in positions if 0 <= at < len(self.frames)]
        return [(step, there) for step, there in poses if len(there)]

    def last_frames_to(self, frame_index: int, count: int) -> list[int]:
        """Return the last `count` frames up to `frame_index`, itself included."""
        end = bisect_right(self.frames, frame_index)
        return self.frames[max(end - count, 0) : end]

    def first_frames_from(self, frame_index: int, count: int) -> list[int]:
        """Return the first `count` frames from `frame_index` on, itself included."""
        first = bisect_left(self.frames, frame_index)
        return self.frames[first : first + count]

    def chain_frames(self, poses: FramePoses) -> IntArray:
        """Return the recoveries in a row that led to each pose (P,), 0 for detected poses."""
        return np.array([self._chain_frames.get(pose_id, 0) for pose_id in poses.pose_id.tolist()], dtype=np.int64)

    def add(self, frame_index: int, proposals: Proposals, proposer: PoseProposer) -> None:
        """Give proposals their ids, and judge all proposals of the frame again: only those that repeat no pose stay."""
        first = self._next_pose_id
        self._next_pose_id += len(proposals)
        proposals = replace(proposals, pose_id=np.arange(first, self._next_pose_id, dtype=np.int64))
        chains = zip(proposals.pose_id.tolist(), proposals.chain_frames.tolist(), strict=True)
        self._chain_frames.update(chains)
        earlier = self._proposals.get(frame_index)
        merged = join_proposals([proposals] if earlier is None else [earlier, proposals])
        detected = self._detected.get(frame_index) or no_poses(frame_index)
        self._judge(frame_index, merged, proposer.verdicts(detected, merged))

    def take_up(self, rows: pa.Table) -> None:
        """Add the proposals of `recovered_rows` of an earlier worker, with their verdicts."""
        rows = rows.filter(pc.field("box_source") == self.box_source)
        frames, next_ids = rows["frame_index"].to_numpy(), (rows["pose_id"].to_numpy() + 1).tolist()
        for frame_index in np.unique(frames).tolist():
            here = rows.take(np.flatnonzero(frames == frame_index)).sort_by("source_pose_id")  # as join_proposals does
            proposals, why = _proposals(here), (here["drop_reason"].to_pylist(), here["duplicate_of"].to_pylist())
            self._chain_frames.update(zip(proposals.pose_id.tolist(), proposals.chain_frames.tolist(), strict=True))
            self._judge(frame_index, proposals, [Verdict(*verdict) for verdict in zip(*why, strict=True)])
        self._next_pose_id = max(self._next_pose_id, *next_ids, 0)

    def _judge(self, frame_index: int, merged: Proposals, verdicts: list[Verdict]) -> None:
        detected = self._detected.get(frame_index) or no_poses(frame_index)
        kept = np.array([verdict.drop_reason is None for verdict in verdicts], dtype=np.bool_)
        recovered = FramePoses(frame_index, merged.pose_id[kept], merged.xy[kept], merged.score[kept])
        self._all[frame_index] = join_poses(frame_index, [detected, recovered])
        self._proposals[frame_index], self._verdicts[frame_index] = merged, verdicts

    def recovered_rows(self, video_id: str) -> pa.Table:
        """Return the rows of the table recovered_poses: kept proposals, and the dropped ones with the reason."""
        blocks = RowBlocks(RECOVERED_POSES)
        as_they_are = ("pose_id", "source_pose_id", "source_frame_index", "chain_frames", "box_xywh", "score")
        for frame_index, proposals in self._proposals.items():
            blocks.add(
                len(proposals),
                video_id=video_id,
                box_source=self.box_source,
                frame_index=frame_index,
                origin="recovered",
                x=proposals.xy[..., 0],
                y=proposals.xy[..., 1],
                pose_score=body_score(proposals.score),
                drop_reason=[verdict.drop_reason for verdict in self._verdicts[frame_index]],
                duplicate_of=[verdict.duplicate_of for verdict in self._verdicts[frame_index]],
                **{name: getattr(proposals, name) for name in as_they_are},
            )
        return blocks.joined()


def _proposals(rows: pa.Table) -> Proposals:
    """Proposals from rows of recovered_poses of one frame, as they were when the rows were made."""
    return Proposals(
        pose_id=rows["pose_id"].to_numpy().astype(np.int64),
        source_pose_id=rows["source_pose_id"].to_numpy().astype(np.int64),
        source_frame_index=rows["source_frame_index"].to_numpy().astype(np.int64),
        chain_frames=rows["chain_frames"].to_numpy().astype(np.int64),
        box_xywh=list_array(rows, "box_xywh"),
        xy=keypoint_array(rows).astype(np.float64),
        score=list_array(rows, "score").astype(np.float64),
    )
