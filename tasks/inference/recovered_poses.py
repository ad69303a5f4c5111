"""Missed poses: proposed by correspondences, estimated anew, kept where they repeat no other pose (5.1)."""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import BoolArray, FloatArray, IntArray, Picture
from models.poses.estimation import PoseEstimator
from models.poses.frame_poses import EstimatedPoses, FramePoses, body_score, join_poses
from models.tracking.correspondence_maps import PoseMaps
from models.tracking.recovery import (
    Proposals,
    confident_correspondences,
    has_enough_keypoints,
    join_proposals,
    recovery_boxes,
    suppress_recovered,
)
from tasks.inference.video_tables import PosesByFrame, RowBlocks
from tasks.params.recover import RecoverParams
from tasks.tables.arrays import keypoint_array, list_array


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


@dataclass(frozen=True)
class _Recovered:
    """What is proposed in a frame so far, and what of it is kept."""

    proposals: Proposals
    verdicts: list[Verdict]

    @property
    def kept(self) -> BoolArray:
        return np.array([verdict.drop_reason is None for verdict in self.verdicts], dtype=np.bool_)


class BoxSourcePoses:
    """The poses of one box source of a video by frame: those detected, and those recovered in frames not yet released.

    Neighbours are counted in the frames that can hold boxes of the source.

    Attributes:
        box_source: detected or annotated.
        frames: frames that can hold its boxes, ascending.
    """

    def __init__(self, box_source: str, frames: Sequence[int], poses: pa.Table) -> None:
        self.box_source = box_source
        self.frames = list(frames)
        self._detected = PosesByFrame(poses)
        self._next_pose_id = max(poses["pose_id"].to_numpy().max(initial=-1) + 1, 0)
        self._recovered: dict[int, _Recovered] = {}

    def __contains__(self, frame_index: int) -> bool:
        position = bisect_left(self.frames, frame_index)
        return position < len(self.frames) and self.frames[position] == frame_index

    def at(self, frame_index: int) -> FramePoses:
        """Return the detected poses of a frame and those recovered so far."""
        detected, recovered = self._detected.at(frame_index), self._recovered.get(frame_index)
        if recovered is None:
            return detected
        kept, proposals = recovered.kept, recovered.proposals
        poses = FramePoses(frame_index, proposals.pose_id[kept], proposals.xy[kept], proposals.score[kept])
        return join_poses(frame_index, [detected, poses])

    def neighbours(self, frame_index: int, steps: Sequence[int]) -> list[tuple[int, FramePoses]]:
        """Return step and poses of the frames so many steps later (earlier where negative) that have any pose."""
        here = bisect_left(self.frames, frame_index)
        positions = ((step, here + step) for step in steps)
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
        """Return the recoveries in a row that led to each pose (P,) of a frame, 0 for detected poses."""
        recovered = self._recovered.get(poses.frame_index)
        if recovered is None:
            return np.zeros(len(poses), dtype=np.int64)
        proposals = recovered.proposals
        chains = dict(zip(proposals.pose_id.tolist(), proposals.chain_frames.tolist(), strict=True))
        return np.array([chains.get(pose_id, 0) for pose_id in poses.pose_id.tolist()], dtype=np.int64)

    def add(self, frame_index: int, proposals: Proposals, proposer: PoseProposer) -> None:
        """Give proposals their ids, and judge all proposals of the frame again: only those that repeat no pose stay."""
        first = self._next_pose_id
        self._next_pose_id += len(proposals)
        proposals = replace(proposals, pose_id=np.arange(first, self._next_pose_id, dtype=np.int64))
        earlier = self._recovered.get(frame_index)
        merged = join_proposals([proposals] if earlier is None else [earlier.proposals, proposals])
        verdicts = proposer.verdicts(self._detected.at(frame_index), merged)
        self._recovered[frame_index] = _Recovered(merged, verdicts)

    def release(self, needed: Set[int]) -> None:
        """Forget what was recovered in frames that are not needed any more."""
        self._recovered = {index: recovered for index, recovered in self._recovered.items() if index in needed}

    def take_up(self, rows: pa.Table, frames: Container[int] | None = None) -> None:
        """Add the proposals that `add_rows` has written, with their verdicts, of these frames or of all."""
        rows = rows.filter(pc.field("box_source") == self.box_source)
        rows = rows.sort_by([("frame_index", "ascending"), ("source_pose_id", "ascending")])  # as join_proposals does
        self._next_pose_id = max(self._next_pose_id, rows["pose_id"].to_numpy().max(initial=-1) + 1)
        indices, first = np.unique(rows["frame_index"].to_numpy(), return_index=True)
        for frame_index, start, end in zip(indices.tolist(), first, np.append(first, len(rows))[1:], strict=True):
            if frames is None or frame_index in frames:
                here = rows.slice(start, end - start)
                why = zip(here["drop_reason"].to_pylist(), here["duplicate_of"].to_pylist(), strict=True)
                self._recovered[frame_index] = _Recovered(_proposals(here), [Verdict(*reasons) for reasons in why])

    def add_rows(self, rows: RowBlocks, video_id: str, frame_index: int) -> None:
        """Add what is recovered in a frame to the table recovered_poses: kept proposals, and the dropped ones."""
        if (recovered := self._recovered.get(frame_index)) is None:
            return
        proposals = recovered.proposals
        as_they_are = ("pose_id", "source_pose_id", "source_frame_index", "chain_frames", "box_xywh", "score")
        rows.add(
            len(proposals),
            video_id=video_id,
            box_source=self.box_source,
            frame_index=frame_index,
            origin="recovered",
            x=proposals.xy[..., 0],
            y=proposals.xy[..., 1],
            pose_score=body_score(proposals.score),
            drop_reason=[verdict.drop_reason for verdict in recovered.verdicts],
            duplicate_of=[verdict.duplicate_of for verdict in recovered.verdicts],
            **{name: getattr(proposals, name) for name in as_they_are},
        )


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
