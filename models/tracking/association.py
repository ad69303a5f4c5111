"""Association of poses to tracks over a whole video (5.2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.frame_poses import FramePoses
from models.tracking.assignment import Assignment, assign
from models.tracking.duplicates import DuplicateRule
from models.tracking.similarity import Similarity

DropReason = Literal["duplicate", "too few keypoints", "short track", "no keypoint above the output threshold"]


class Matches(NamedTuple):
    """Which sources and poses of one frame belong together.

    Attributes:
        source: (M,) index of the source pose, each at most once.
        pose: (M,) index of the pose in the target frame, each at most once.
        similarity: (M,) of the pairs.
        doubles: (P,) index of the matched pose that each pose repeats and because of which it starts no track; else -1.
        may_start: (P,) whether the pose may start a track when it is not matched and doubles none.
    """

    source: IntArray
    pose: IntArray
    similarity: FloatArray
    doubles: IntArray
    may_start: BoolArray


class Matcher(Protocol):
    """Source poses (Q,) by id, in the order of their tracks, and a target frame to matches."""

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> Matches:
        """Match the last poses of the live tracks with the poses of the target frame; either may be empty."""


@dataclass(frozen=True)
class SimilarityMatcher:
    """The paper's association, by one similarity (5.2; Table 2's baselines plug in here).

    Attributes:
        similarity: equation 6, or a baseline.
        min_similarity: a pair below it is not associated, nor is one without evidence (0 or less).
        assignment: greedy over all pairs by similarity (the paper), or hungarian.
        duplicates: rule of duplicate removal; None leaves it out.
    """

    similarity: Similarity
    min_similarity: float
    assignment: Assignment
    duplicates: DuplicateRule | None

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> Matches:
        """Match one frame."""
        matrix = self.similarity(source_pose_id, target)
        row, column = assign(matrix, min_similarity=self.min_similarity, assignment=self.assignment)
        doubles = np.full(len(target), -1, dtype=np.int64)
        if self.duplicates is not None and len(row):
            doubles = self.duplicates(source_pose_id[row], target, matrix[row], column)
        return Matches(row, column, matrix[row, column], doubles, np.ones(len(target), dtype=np.bool_))


class DroppedPose(NamedTuple):
    """A pose that is in no track, and why; `doubled_pose_id` is the pose that a duplicate repeats."""

    frame_index: int
    pose_id: int
    reason: DropReason
    doubled_pose_id: int | None = None


@dataclass(frozen=True)
class Tracks:
    """Tracks of one video, N rows sorted by frame_index, then track_id.

    Attributes:
        frame_index, pose_id, track_id: (N,) int64; track ids count from 0 in the order of the tracks' first poses.
        similarity: (N,) that joined the pose to its track; NaN for the first pose of a track.
        dropped: poses in no track, sorted by frame and pose.
    """

    frame_index: IntArray
    pose_id: IntArray
    track_id: IntArray
    similarity: FloatArray
    dropped: tuple[DroppedPose, ...]

    def __len__(self) -> int:
        return len(self.track_id)


def associate_poses(
    frames: Iterable[FramePoses], matcher: Matcher, *, min_track_frames: int, max_lost_frames: int
) -> Tracks:
    """Link the poses of a video to tracks, one frame at a time.

    Args:
        frames: the frames that count, each once, in any order: all of them, those without poses too, or for annotated
            boxes the annotated ones, so that "previous frame" means the previous of these.
        matcher: `SimilarityMatcher` for the paper and the baselines, `ReleasedMatcher` for the released scripts.
        min_track_frames: tracks with fewer poses are dropped.
        max_lost_frames: frames that a track may miss and still go on; 0 in the paper.

    Returns:
        The tracks; nothing depends on the order of frames or of poses inside a frame.
    """
    builder = _Builder(max_lost_frames)
    for step, frame in enumerate(sorted(frames, key=lambda frame: frame.frame_index)):
        builder.add(step, frame, matcher)
    tracks = _tracks(builder.rows, builder.dropped)
    return drop_poses(
        tracks, np.ones(len(tracks), dtype=np.bool_), reason="short track", min_track_frames=min_track_frames
    )


class _Row(NamedTuple):
    frame_index: int
    track_id: int
    pose_id: int
    similarity: float


class _Builder:
    """The tracks while they grow: rows so far, and for each live track its last pose and step."""

    def __init__(self, max_lost_frames: int) -> None:
        self.rows: list[_Row] = []
        self.dropped: list[DroppedPose] = []
        self._live: dict[int, tuple[int, int]] = {}
        self._max_lost = max_lost_frames
        self._next_track_id = 0

    def add(self, step: int, frame: FramePoses, matcher: Matcher) -> None:
        """Match one frame to the live tracks, then start new ones."""
        self._live = {key: last for key, last in self._live.items() if step - last[1] - 1 <= self._max_lost}
        track_ids = list(self._live)  # ascending, since ids are given in that order
        found = matcher(np.array([self._live[key][0] for key in track_ids], dtype=np.int64), frame)
        joined = {
            pose: (track_ids[source], similarity)
            for source, pose, similarity in zip(
                found.source.tolist(), found.pose.tolist(), found.similarity.tolist(), strict=True
            )
        }
        for pose, pose_id in enumerate(frame.pose_id.tolist()):
            if pose in joined:
                self._join(step, frame.frame_index, pose_id, *joined[pose])
            elif found.doubles[pose] >= 0:
                doubled = int(frame.pose_id[found.doubles[pose]])
                self.dropped.append(DroppedPose(frame.frame_index, pose_id, "duplicate", doubled))
            elif not found.may_start[pose]:
                self.dropped.append(DroppedPose(frame.frame_index, pose_id, "too few keypoints"))
            else:
                self._join(step, frame.frame_index, pose_id, self._next_track_id, np.nan)
                self._next_track_id += 1

    def _join(self, step: int, frame_index: int, pose_id: int, track_id: int, similarity: float) -> None:
        self.rows.append(_Row(frame_index, track_id, pose_id, similarity))
        self._live[track_id] = (pose_id, step)


def _tracks(rows: Sequence[_Row], dropped: Iterable[DroppedPose]) -> Tracks:
    ordered = sorted(rows)
    return Tracks(
        np.array([row.frame_index for row in ordered], dtype=np.int64),
        np.array([row.pose_id for row in ordered], dtype=np.int64),
        np.array([row.track_id for row in ordered], dtype=np.int64),
        np.array([row.similarity for row in ordered], dtype=np.float64),
        _sorted(dropped),
    )


def _sorted(dropped: Iterable[DroppedPose]) -> tuple[DroppedPose, ...]:
    return tuple(sorted(dropped, key=lambda pose: (pose.frame_index, pose.pose_id)))


def drop_poses(tracks: Tracks, keep: BoolArray, *, reason: DropReason, min_track_frames: int) -> Tracks:
    """Take poses out of tracks, then the tracks that became too short, and number the rest from 0 again.

    Args:
        tracks: N rows.
        keep: (N,) rows that stay.
        reason: why the others go.
        min_track_frames: tracks with fewer poses go, as "short track".

    Returns:
        The remaining tracks, with everything that went added to `dropped`.
    """
    _, inverse = np.unique(tracks.track_id, return_inverse=True)
    long_enough = np.bincount(inverse, weights=keep)[inverse] >= min_track_frames if len(tracks) else keep
    stays = keep & long_enough
    gone = [
        DroppedPose(int(tracks.frame_index[row]), int(tracks.pose_id[row]), "short track" if keep[row] else reason)
        for row in np.flatnonzero(~stays)
    ]
    first, track_id = _renumbered(tracks.track_id[stays])
    similarity = tracks.similarity[stays].copy()
    similarity[first] = np.nan
    order = np.lexsort((track_id, tracks.frame_index[stays]))
    return Tracks(
        tracks.frame_index[stays][order],
        tracks.pose_id[stays][order],
        track_id[order],
        similarity[order],
        _sorted([*tracks.dropped, *gone]),
    )


def _renumbered(track_id: IntArray) -> tuple[IntArray, IntArray]:
    """First row of each track, and new ids (N,) from 0 in the order of those rows."""
    _, first, inverse = np.unique(track_id, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return first, rank[inverse]
