"""One video walked forward: features once per frame, maps once per pose and target frame (5.1, equation 6's inputs).

At frame f the maps of the poses of f-1 onto f give the missed poses of f by their peaks; then these maps and those of
f-2 .. f-max_gap_frames are read at the keypoints of every pose of f. Features live as long as a frame can be a source.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from models.arrays import FloatArray, Picture
from models.keypoints import KEYPOINT_COUNT
from models.poses.frame_poses import FramePoses
from tasks.frames import VideoFrames
from tasks.inference.box_source_poses import BoxSourcePoses
from tasks.inference.column_blocks import ColumnBlocks
from tasks.inference.correspondence_maps import CorrespondenceMaps, FittedFrame, PoseMaps
from tasks.inference.pose_rows import MAP_KINDS
from tasks.inference.recovered_poses import Recovery
from tasks.params.recover import RecoverParams
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, RECOVERED_POSES

_BLOCK_FRAMES = 16
"""Pictures that the walk backwards holds: a video file is decoded forward, so it is read in blocks from its end."""


class VideoWalk:
    """Recovery, correspondences and affinities of one video, all its box sources side by side."""

    def __init__(
        self,
        video_id: str,
        sources: Sequence[BoxSourcePoses],
        *,
        network: CorrespondenceMaps,
        recovery: Recovery,
        params: RecoverParams,
    ) -> None:
        self._video_id = video_id
        self._sources = sources
        self._network = network
        self._recovery = recovery
        self._params = params
        self._fitted: dict[int, FittedFrame] = {}
        self._correspondences = ColumnBlocks(CORRESPONDENCES)
        self._affinities = ColumnBlocks(AFFINITIES)

    def run(self, frames: VideoFrames) -> dict[str, pa.Table]:
        """Walk the video, backward first where the parameters say so; gives the three tables by name."""
        wanted = sorted({frame_index for source in self._sources for frame_index in source.frames})
        if self._params.backward:
            self._walk_back(frames, wanted)
        for frame_index, picture in frames.read(wanted):
            for source in self._sources:
                if frame_index in source:
                    self._step(source, frame_index, picture)
            self._forget(frame_index)
        recovered = [source.recovered_rows(self._video_id) for source in self._sources]
        return {
            RECOVERED_POSES.name: pa.concat_tables([*recovered, RECOVERED_POSES.schema.empty_table()]),
            CORRESPONDENCES.name: self._correspondences.joined(),
            AFFINITIES.name: self._affinities.joined(),
        }

    def _step(self, source: BoxSourcePoses, frame_index: int, picture: Picture) -> None:
        steps = range(-1, -self._params.max_gap_frames - 1, -1)
        for place, poses in enumerate(source.neighbours(frame_index, steps)):
            if len(poses):
                maps = self._maps(poses, frame_index, picture)
                if place == 0:
                    self._recover(source, frame_index, poses, maps, picture)
                self._read(source, poses, maps, frame_index)
        if len(source.at(frame_index)):
            self._fit(frame_index, picture)

    def _walk_back(self, frames: VideoFrames, wanted: Sequence[int]) -> None:
        """Propose missed poses from f+1; the walk forward lets them compete with those from f-1."""
        for frame_index, picture in _backwards(frames, wanted):
            for source in self._sources:
                if frame_index in source:
                    self._step_back(source, frame_index, picture)
            self._forget(frame_index, ahead=True)
        self._fitted.clear()

    def _step_back(self, source: BoxSourcePoses, frame_index: int, picture: Picture) -> None:
        for poses in source.neighbours(frame_index, [1]):
            if len(poses):
                self._recover(source, frame_index, poses, self._maps(poses, frame_index, picture), picture)
        if len(source.at(frame_index)):
            self._fit(frame_index, picture)

    def _recover(
        self, source: BoxSourcePoses, frame_index: int, poses: FramePoses, maps: PoseMaps, picture: Picture
    ) -> None:
        proposals = self._recovery.propose(poses, source.chain_frames(poses), maps, picture)
        source.propose(frame_index, proposals, self._recovery)

    def _read(self, source: BoxSourcePoses, poses: FramePoses, maps: PoseMaps, frame_index: int) -> None:
        """Add a row per pose of the earlier frame, and one per pair of poses."""
        both = {
            "video_id": self._video_id,
            "box_source": source.box_source,
            "source_frame_index": poses.frame_index,
            "target_frame_index": frame_index,
        }
        peaks = {kind: _peaks(maps, kind, len(poses)) for kind in MAP_KINDS}
        carried = {f"{kind}_peak": peak for kind, (_, peak) in peaks.items()}
        carried |= {f"{kind}_{axis}": xy[..., i] for kind, (xy, _) in peaks.items() for i, axis in enumerate("xy")}
        self._correspondences.add(len(poses), source_pose_id=poses.pose_id, **both, **carried)
        targets = source.at(frame_index)
        values = {kind: _values(maps, kind, poses, targets) for kind in MAP_KINDS}
        source_id, target_id = np.repeat(poses.pose_id, len(targets)), np.tile(targets.pose_id, len(poses))
        self._affinities.add(len(source_id), source_pose_id=source_id, target_pose_id=target_id, **both, **values)

    def _maps(self, poses: FramePoses, frame_index: int, picture: Picture) -> PoseMaps:
        return self._network.maps(self._fitted[poses.frame_index], self._fit(frame_index, picture), poses)

    def _fit(self, frame_index: int, picture: Picture) -> FittedFrame:
        if frame_index not in self._fitted:
            self._fitted[frame_index] = self._network.fit(picture)
        return self._fitted[frame_index]

    def _forget(self, frame_index: int, *, ahead: bool = False) -> None:
        """Let go of the features of frames that are no source any more."""
        needed: set[int] = set()
        for source in self._sources:
            needed.update(source.last_frames(frame_index, 1 if ahead else self._params.max_gap_frames, ahead=ahead))
        self._fitted = {index: fitted for index, fitted in self._fitted.items() if index in needed}


def _peaks(maps: PoseMaps, kind: str, count: int) -> tuple[FloatArray, FloatArray]:
    """Peaks of the maps; 0 for a kind that the network does not give."""
    if kind in maps.scores:
        return maps.peaks(kind)
    return np.zeros((count, KEYPOINT_COUNT, 2)), np.zeros((count, KEYPOINT_COUNT))


def _values(maps: PoseMaps, kind: str, poses: FramePoses, targets: FramePoses) -> FloatArray:
    """A row of 17 values for each pair of poses; 0 for a kind that the network does not give."""
    if kind in maps.scores:
        return maps.sample(kind, targets.xy).reshape(-1, KEYPOINT_COUNT)
    return np.zeros((len(poses) * len(targets), KEYPOINT_COUNT))


def _backwards(frames: VideoFrames, wanted: Sequence[int]) -> Iterator[tuple[int, Picture]]:
    for end in range(len(wanted), 0, -_BLOCK_FRAMES):
        yield from reversed(list(frames.read(wanted[max(end - _BLOCK_FRAMES, 0) : end])))
