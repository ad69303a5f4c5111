"""Recovery over one video: features once per frame, maps once per pose and target frame (5.1, equation 6's inputs).

At frame f the maps of the poses of f-1 give the missed poses of f by their peaks. Then these maps and those of the
poses of f-2 to f-max_gap_frames are sampled at the keypoints of every pose of f, detected or recovered. Features and
recovered poses are kept only while their frame can be a source; rows leave the memory with each checkpoint.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import FloatArray, Picture
from models.keypoints import KEYPOINT_COUNT
from models.poses.frame_poses import FramePoses
from models.tracking.correspondence_maps import CorrespondenceMaps, FittedFrame, PoseMaps
from models.tracking.correspondences import MAP_KINDS
from tasks.frames import VideoFrames
from tasks.inference.networks import load_correspondence_maps, load_estimator
from tasks.inference.recovered_poses import BoxSourcePoses, PoseProposer
from tasks.inference.video_tables import RowBlocks
from tasks.inference.videos import Video
from tasks.params.estimate import EstimateParams
from tasks.params.recover import RecoverParams
from tasks.read_ahead import read_ahead
from tasks.shards.checkpoints import shard_checkpoint
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, RECOVERED_POSES

_BACKWARD: Final = "backward"
"""Series of the rows that the backward pass gives, which are of the table recovered_poses."""
_BLOCK_FRAMES = 16
"""Pictures in memory in the backward pass: a video file is decoded forward, so it is read in blocks from its end."""


class VideoRecovery:
    """The networks of recovery, applied to any number of videos one after the other.

    Args:
        weights: weight files of the networks "correspondence" and "pose"; without "pose" a recovered pose keeps its
            propagated keypoints.
        estimate: how a recovered pose is estimated, as the detected ones were.
        recover: parameters of the stage.
        refine: False leaves the refinement network out.

    Raises:
        InputError: a file holds no such network.
    """

    def __init__(
        self, weights: Mapping[str, Path], *, estimate: EstimateParams, recover: RecoverParams, refine: bool = True
    ) -> None:
        self._params = recover
        estimator = load_estimator(weights["pose"], estimate) if "pose" in weights else None
        self._proposer = PoseProposer(estimator, recover)
        self._network = load_correspondence_maps(weights["correspondence"], recover, refine=refine)

    def recover(self, video: Video, poses: pa.Table, *, data: Path) -> dict[str, Iterator[pa.Table]]:
        """Return the rows of recovered_poses, correspondences and affinities by table name, in blocks with rising keys.

        Args:
            video: the video.
            poses: its rows of the table poses.
            data: data folder.
        """
        sources = [
            BoxSourcePoses(source, video.frames_of(source), poses.filter(pc.field("box_source") == source))
            for source in sorted(poses["box_source"].unique().to_pylist())
        ]
        del poses  # what is read of them lies in the sources
        passes = _VideoPasses(
            video.video_id, sources, network=self._network, proposer=self._proposer, params=self._params
        )
        return passes.run(video.open(data))


class _VideoPasses:
    """The backward and the forward pass over one video, all its box sources side by side."""

    def __init__(
        self,
        video_id: str,
        sources: Sequence[BoxSourcePoses],
        *,
        network: CorrespondenceMaps,
        proposer: PoseProposer,
        params: RecoverParams,
    ) -> None:
        self._video_id = video_id
        self._sources = sources
        self._network = network
        self._proposer = proposer
        self._params = params
        self._checkpoint = shard_checkpoint()
        self._fitted: dict[int, FittedFrame] = {}
        tables = {table.name: table for table in (RECOVERED_POSES, CORRESPONDENCES, AFFINITIES)}
        self._rows = {series: RowBlocks(table) for series, table in (tables | {_BACKWARD: RECOVERED_POSES}).items()}

    def run(self, frames: VideoFrames) -> dict[str, Iterator[pa.Table]]:
        """Return the rows of the three tables; goes on from the shard's checkpoint where it has one."""
        wanted = sorted({frame_index for source in self._sources for frame_index in source.frames})
        reached = self._checkpoint.load()
        direction, done = self._go_on(reached, frames, wanted) if reached else ("backward", 0)
        if self._params.backward and direction == "backward":
            self._backward(frames, wanted, done)
            done = 0
        self._forward(frames, wanted, done)
        names = (RECOVERED_POSES.name, CORRESPONDENCES.name, AFFINITIES.name)
        return {name: self._by_source(name, self._rows[name].take()) for name in names}

    def _by_source(self, series: str, rest: pa.Table) -> Iterator[pa.Table]:
        """Rows of the forward pass, which are in frame order, source by source: `rest` is in no checkpoint."""
        for source in self._sources:
            for rows in self._parts(series, rest):
                yield rows.filter(pc.field("box_source") == source.box_source)

    def _parts(self, series: str, rest: pa.Table, *, last_first: bool = False) -> Iterator[pa.Table]:
        saved = self._checkpoint.parts(series, self._rows[series].table, last_first=last_first)
        yield from chain([rest], saved) if last_first else chain(saved, [rest])

    def _save(self, direction: str, done: int) -> None:
        """Keep a checkpoint, if it is time, after so many frames of a pass."""
        if self._checkpoint.is_due(done):
            parts = {series: (rows.table, rows.take()) for series, rows in self._rows.items()}
            self._checkpoint.save({"direction": direction, "done": done}, parts)

    def _go_on(self, reached: Mapping[str, Any], frames: VideoFrames, wanted: Sequence[int]) -> tuple[str, int]:
        """Take up a checkpoint: direction of the pass, and frames of it that are done."""
        direction, done = str(reached["direction"]), int(reached["done"])
        is_backward = direction == "backward"
        needed = self._needed_from(wanted[-done if is_backward else done - 1], backward=is_backward)
        for series in (_BACKWARD, *([] if is_backward else [RECOVERED_POSES.name])):
            for rows in self._checkpoint.parts(series, RECOVERED_POSES):
                for source in self._sources:
                    source.take_up(rows, needed)
        for frame_index in sorted(needed):
            if any(len(source.at(frame_index)) for source in self._sources):
                self._fit(frame_index, frames.frame(frame_index))
        return direction, done

    def _backward(self, frames: VideoFrames, wanted: Sequence[int], done: int) -> None:
        """Propose missed poses from f+1; in the forward pass they compete with those proposed from f-1."""
        to_do = read_ahead(_reversed(frames, wanted[: len(wanted) - done]))
        for count, (frame_index, picture) in enumerate(to_do, start=done + 1):
            for source in self._sources_of(frame_index):
                for _, poses in source.neighbours(frame_index, [1]):
                    maps = self._maps(poses, frame_index, picture)
                    self._propose(source, frame_index, poses, maps, picture)
                source.add_rows(self._rows[_BACKWARD], self._video_id, frame_index)
                if len(source.at(frame_index)):
                    self._fit(frame_index, picture)
            self._release(frame_index, backward=True)
            self._save("backward", count)
        self._fitted.clear()
        for source in self._sources:
            source.release(set())

    def _forward(self, frames: VideoFrames, wanted: Sequence[int], done: int) -> None:
        """Propose missed poses from f-1, then sample the maps of all earlier poses in reach at the poses of f."""
        proposed = _Ascending(self._parts(_BACKWARD, self._rows[_BACKWARD].take(), last_first=True))
        to_do = read_ahead(frames.read(wanted[done:]))
        for count, (frame_index, picture) in enumerate(to_do, start=done + 1):
            rows = proposed.at(frame_index)
            for source in self._sources_of(frame_index):
                source.take_up(rows)
                for step, poses in source.neighbours(frame_index, range(-1, -self._params.max_gap_frames - 1, -1)):
                    maps = self._maps(poses, frame_index, picture)
                    if step == -1:
                        self._propose(source, frame_index, poses, maps, picture)
                    self._record(source, poses, maps, frame_index)
                source.add_rows(self._rows[RECOVERED_POSES.name], self._video_id, frame_index)
                if len(source.at(frame_index)):
                    self._fit(frame_index, picture)
            self._release(frame_index)
            self._save("forward", count)

    def _sources_of(self, frame_index: int) -> list[BoxSourcePoses]:
        return [source for source in self._sources if frame_index in source]

    def _propose(
        self, source: BoxSourcePoses, frame_index: int, poses: FramePoses, maps: PoseMaps, picture: Picture
    ) -> None:
        proposals = self._proposer.propose(poses, source.chain_frames(poses), maps, picture)
        source.add(frame_index, proposals, self._proposer)

    def _record(self, source: BoxSourcePoses, poses: FramePoses, maps: PoseMaps, frame_index: int) -> None:
        """Add a row of correspondences per source pose, and a row of affinities per pair of poses."""
        both = {
            "video_id": self._video_id,
            "box_source": source.box_source,
            "source_frame_index": poses.frame_index,
            "target_frame_index": frame_index,
        }
        peaks = {kind: _peaks(maps, kind, len(poses)) for kind in MAP_KINDS}
        columns = {f"{kind}_peak": peak for kind, (_, peak) in peaks.items()}
        columns |= {f"{kind}_{axis}": xy[..., i] for kind, (xy, _) in peaks.items() for i, axis in enumerate("xy")}
        self._rows[CORRESPONDENCES.name].add(len(poses), source_pose_id=poses.pose_id, **both, **columns)
        targets = source.at(frame_index)
        values = {kind: _values(maps, kind, poses, targets) for kind in MAP_KINDS}
        source_id, target_id = np.repeat(poses.pose_id, len(targets)), np.tile(targets.pose_id, len(poses))
        self._rows[AFFINITIES.name].add(
            len(source_id), source_pose_id=source_id, target_pose_id=target_id, **both, **values
        )

    def _maps(self, poses: FramePoses, frame_index: int, picture: Picture) -> PoseMaps:
        return self._network.maps(self._fitted[poses.frame_index], self._fit(frame_index, picture), poses)

    def _fit(self, frame_index: int, picture: Picture) -> FittedFrame:
        if frame_index not in self._fitted:
            self._fitted[frame_index] = self._network.fit(picture)
        return self._fitted[frame_index]

    def _release(self, frame_index: int, *, backward: bool = False) -> None:
        """Drop features and recovered poses of frames that are no source of any frame to come."""
        needed = self._needed_from(frame_index, backward=backward)
        for source in self._sources:
            source.release(needed)
        self._fitted = {index: fitted for index, fitted in self._fitted.items() if index in needed}

    def _needed_from(self, frame_index: int, *, backward: bool) -> set[int]:
        """Frames that may be sources of the frames after `frame_index`."""
        needed: set[int] = set()
        for source in self._sources:
            needed.update(
                source.first_frames_from(frame_index, 1)
                if backward
                else source.last_frames_to(frame_index, self._params.max_gap_frames)
            )
        return needed


class _Ascending:
    """Rows of the table recovered_poses by frame, from parts that lie one behind the other, asked in frame order."""

    def __init__(self, parts: Iterator[pa.Table]) -> None:
        self._parts = parts
        self._rows, self._last = RECOVERED_POSES.schema.empty_table(), -1

    def at(self, frame_index: int) -> pa.Table:
        """Return the rows of a frame."""
        while self._last < frame_index and (rows := next(self._parts, None)) is not None:
            self._rows, self._last = rows, int(rows["frame_index"].to_numpy().max(initial=-1))
        return self._rows.filter(pc.field("frame_index") == frame_index)


def _peaks(maps: PoseMaps, kind: str, pose_count: int) -> tuple[FloatArray, FloatArray]:
    """Return the peaks of the maps, (Q,17,2) px and (Q,17); 0 for a kind that the network does not compute."""
    if kind in maps.scores:
        return maps.peaks(kind)
    return np.zeros((pose_count, KEYPOINT_COUNT, 2)), np.zeros((pose_count, KEYPOINT_COUNT))


def _values(maps: PoseMaps, kind: str, poses: FramePoses, targets: FramePoses) -> FloatArray:
    """Return 17 values per pair of poses, (Q*P,17); 0 for a kind that the network does not compute."""
    if kind in maps.scores:
        return maps.sample(kind, targets.xy).reshape(-1, KEYPOINT_COUNT)
    return np.zeros((len(poses) * len(targets), KEYPOINT_COUNT))


def _reversed(frames: VideoFrames, wanted: Sequence[int]) -> Iterator[tuple[int, Picture]]:
    for end in range(len(wanted), 0, -_BLOCK_FRAMES):
        yield from reversed(list(frames.read(wanted[max(end - _BLOCK_FRAMES, 0) : end])))
