"""The given poses of one video at some of its frames, with all that the compared methods read of its pictures."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray, Picture
from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.correspondence_maps import CorrespondenceMaps, PoseMaps
from models.tracking.correspondences import MAP_KINDS, Affinities, PropagatedPoses, propagate_by_flow
from tasks.frames import VideoFrames
from tasks.given_poses.poses import GivenPoses
from tasks.inference.evidence import Evidence
from tasks.tracker_evaluation.optical_flow import DenseFlow

_KEPT: Final = 96
"""Frames, and pairs of frames, of which what was computed is kept for other poses of the same frames."""


class SeenFrames:
    """What is computed of the frames of a video whatever the poses are."""

    def __init__(self, pictures: VideoFrames, maps: CorrespondenceMaps, flow: DenseFlow) -> None:
        self.maps = maps
        self.picture = lru_cache(_KEPT)(pictures.frame)
        self.fitted = lru_cache(_KEPT)(lambda index: maps.fit(self.picture(index)))
        self.flow = lru_cache(_KEPT)(lambda source, target: flow(self.picture(source), self.picture(target)))

    def pictures(self, frames: Iterable[int]) -> Iterator[tuple[int, Picture]]:
        """Frame index and picture."""
        return ((index, self.picture(index)) for index in frames)


@dataclass(frozen=True)
class GivenVideo:
    """Poses at the frames that a tracker sees."""

    poses: GivenPoses
    frames: Sequence[int]
    """Ascending."""
    seen: SeenFrames | None
    """None where there are no pictures."""
    reach: int
    """Frames, of those that are seen, over which poses are propagated."""

    @cached_property
    def video_poses(self) -> VideoPoses:
        """The poses by frame."""
        return VideoPoses(self.poses.in_frames(self.frames))

    @property
    def boxes(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Frame, pose id and box of each pose."""
        rows = np.flatnonzero(np.isin(self.poses.frame, self.frames))
        return self.poses.frame[rows], rows, self.poses.box_xywh[rows]

    @cached_property
    def evidence(self) -> Evidence:
        """The poses with affinities and correspondences; without pictures there are none of these."""
        pairs = [] if self.seen is None else [_PairMaps.of(*pair, self.seen) for pair in self._pairs()]
        return Evidence(
            poses=self.video_poses,
            recovered=frozenset(),
            affinities={kind: _affinities(pairs, kind) for kind in MAP_KINDS},
            propagated={kind: _correspondences(pairs, kind) for kind in MAP_KINDS},
            width=0,  # the size is read by the rule of the released scripts alone
            height=0,
        )

    def moved_by_flow(self, seen: SeenFrames) -> PropagatedPoses:
        """The poses propagated by optical flow."""
        moves = []
        for source, target in self._pairs():
            flow = seen.flow(source.frame_index, target.frame_index)
            moves.append((source.pose_id, target.frame_index, *propagate_by_flow(source.xy, flow)))
        return _propagated(moves)

    def _pairs(self) -> Iterator[tuple[FramePoses, FramePoses]]:
        """Source and target frames within reach that both have poses."""
        window: deque[FramePoses] = deque(maxlen=self.reach)
        for target in self.video_poses.frames:
            yield from ((source, target) for source in window if len(source) and len(target))
            window.append(target)


@dataclass(frozen=True)
class _PairMaps:
    """What the maps of the poses of one frame say of another: the poses and, by kind of map, values and peaks."""

    source: FramePoses
    target: FramePoses
    values: dict[str, FloatArray]
    """(Q,P,17)."""
    peaks: dict[str, tuple[FloatArray, FloatArray]]

    @classmethod
    def of(cls, source: FramePoses, target: FramePoses, seen: SeenFrames) -> "_PairMaps":
        maps: PoseMaps = seen.maps.maps(seen.fitted(source.frame_index), seen.fitted(target.frame_index), source)
        values = {kind: maps.sample(kind, target.xy) for kind in maps.scores}
        return cls(source, target, values, {kind: maps.peaks(kind) for kind in maps.scores})


def _affinities(pairs: Sequence[_PairMaps], kind: str) -> Affinities:
    known = [(pair.source.pose_id, pair.target, pair.values[kind]) for pair in pairs if kind in pair.values]
    return Affinities(
        _ids(np.repeat(source, len(target)) for source, target, _ in known),
        _ids(np.full(len(source) * len(target), target.frame_index) for source, target, _ in known),
        _ids(np.tile(target.pose_id, len(source)) for source, target, _ in known),
        _values(values for _, _, values in known),
    )


def _correspondences(pairs: Sequence[_PairMaps], kind: str) -> PropagatedPoses:
    return _propagated(
        [(pair.source.pose_id, pair.target.frame_index, *pair.peaks[kind]) for pair in pairs if kind in pair.peaks]
    )


def _propagated(moves: Sequence[tuple[IntArray, int, FloatArray, FloatArray]]) -> PropagatedPoses:
    return PropagatedPoses(
        _ids(source for source, _, _, _ in moves),
        _ids(np.full(len(source), frame) for source, frame, _, _ in moves),
        _values(xy for _, _, xy, _ in moves),
        _values(peak for _, _, _, peak in moves),
    )


def _ids(parts: Iterable[IntArray]) -> IntArray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _values(parts: Iterable[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros(0), *(part.ravel() for part in parts)])
