"""The poses of one box source while a video is walked: what was detected, what was recovered, in which frames."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from models.arrays import IntArray
from models.poses.frame_poses import FramePoses
from tasks.inference.column_blocks import ColumnBlocks
from tasks.inference.pose_estimator import body_score
from tasks.inference.pose_rows import frame_poses, join_poses, no_poses
from tasks.inference.recovered_poses import Proposals, Recovery, join_proposals
from tasks.tables.schemas import RECOVERED_POSES


class BoxSourcePoses:
    """Poses by frame; neighbours are counted in the frames that can hold boxes of this source.

    Attributes:
        box_source: detected or annotated.
        frames: frames that can hold its boxes, ascending.
    """

    def __init__(self, box_source: str, frames: Sequence[int], poses: pa.Table) -> None:
        self.box_source = box_source
        self.frames = list(frames)
        self._place = {frame_index: place for place, frame_index in enumerate(self.frames)}
        self._detected = {here.frame_index: here for here in frame_poses(poses)}
        self._live = dict(self._detected)
        self._next_pose_id = max(poses["pose_id"].to_pylist(), default=-1) + 1
        self._chain_frames: dict[int, int] = {}
        self._proposals: dict[int, Proposals] = {}
        self._drop_reasons: dict[int, list[str | None]] = {}

    def __contains__(self, frame_index: int) -> bool:
        return frame_index in self._place

    def at(self, frame_index: int) -> FramePoses:
        """Detected poses of a frame and those recovered so far."""
        return self._live.get(frame_index) or no_poses(frame_index)

    def neighbours(self, frame_index: int, steps: Sequence[int]) -> list[FramePoses]:
        """Poses of the frames that lie so many places behind this one, before it where negative; outside: left out."""
        places = (self._place[frame_index] + step for step in steps)
        return [self.at(self.frames[place]) for place in places if 0 <= place < len(self.frames)]

    def last_frames(self, frame_index: int, count: int, *, ahead: bool = False) -> list[int]:
        """The `count` frames nearest to this one, itself included: up to it, or from it on where `ahead`."""
        if ahead:
            first = bisect_left(self.frames, frame_index)
            return self.frames[first : first + count]
        end = bisect_right(self.frames, frame_index)
        return self.frames[max(end - count, 0) : end]

    def chain_frames(self, poses: FramePoses) -> IntArray:
        """Recoveries in a row that led to each pose (P,), 0 for detected ones."""
        return np.array([self._chain_frames.get(pose_id, 0) for pose_id in poses.pose_id.tolist()], dtype=np.int64)

    def propose(self, frame_index: int, proposals: Proposals, recovery: Recovery) -> None:
        """Add proposals to a frame, and keep of all that it has got those that repeat no other pose."""
        first = self._next_pose_id
        self._next_pose_id += len(proposals)
        proposals = replace(proposals, pose_id=np.arange(first, self._next_pose_id, dtype=np.int64))
        chains = zip(proposals.pose_id.tolist(), proposals.chain_frames.tolist(), strict=True)
        self._chain_frames.update(chains)
        earlier = self._proposals.get(frame_index)
        joined = join_proposals([proposals] if earlier is None else [earlier, proposals])
        detected = self._detected.get(frame_index) or no_poses(frame_index)
        reasons = recovery.drop_reasons(detected, joined)
        kept = np.array([reason is None for reason in reasons], dtype=np.bool_)
        recovered = FramePoses(frame_index, joined.pose_id[kept], joined.xy[kept], joined.score[kept])
        self._live[frame_index] = join_poses(frame_index, [detected, recovered])
        self._proposals[frame_index], self._drop_reasons[frame_index] = joined, reasons

    def recovered_rows(self, video_id: str) -> pa.Table:
        """Rows of the table recovered_poses: kept proposals, and the others with the reason."""
        blocks = ColumnBlocks(RECOVERED_POSES)
        taken = ("pose_id", "source_pose_id", "source_frame_index", "chain_frames", "box_xywh", "score")
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
                drop_reason=self._drop_reasons[frame_index],
                **{name: getattr(proposals, name) for name in taken},
            )
        return blocks.joined()
