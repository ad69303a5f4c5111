"""Association of poses to tracks over a whole video (5.2)."""

from array import array
from collections.abc import Iterable
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
    """The poses of one frame that continue a track, and those that may not start one.

    Attributes:
        source: (M,) index of the source pose, each at most once.
        pose: (M,) index of the pose of the target frame matched to it, each at most once.
        similarity: (M,) of the matched pairs.
        duplicate_of: (P,) index of the matched pose that each pose is a duplicate of; -1 for no duplicate.
        may_start: (P,) whether the pose may start a track when it is neither matched nor a duplicate.
    """

    source: IntArray
    pose: IntArray
    similarity: FloatArray
    duplicate_of: IntArray
    may_start: BoolArray


class Matcher(Protocol):
    """Decides which pose of a frame continues which track."""

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> Matches:
        """Match the last poses (Q,) of the live tracks with the poses of the target frame; either may be empty."""


@dataclass(frozen=True)
class SimilarityMatcher:
    """The paper's association by one similarity (5.2); the baselines of Table 2 are other similarities.

    Attributes:
        similarity: equation 6, or a baseline.
        min_similarity: pairs below it are not matched, nor are pairs without evidence (0 or less).
        assignment: greedy over all pairs in the order of similarity (the paper), or hungarian.
        duplicates: rule of duplicate removal; None switches it off.
    """

    similarity: Similarity
    min_similarity: float
    assignment: Assignment
    duplicates: DuplicateRule | None

    def __call__(self, source_pose_id: IntArray, target: FramePoses, /) -> Matches:
        """Match one frame."""
        matrix = self.similarity(source_pose_id, target)
        row, column = assign(matrix, min_similarity=self.min_similarity, assignment=self.assignment)
        duplicate_of = np.full(len(target), -1, dtype=np.int64)
        if self.duplicates is not None and len(row):
            duplicate_of = self.duplicates(source_pose_id[row], target, matrix[row], column)
        return Matches(row, column, matrix[row, column], duplicate_of, np.ones(len(target), dtype=np.bool_))


class DroppedPose(NamedTuple):
    """A pose that is in no track, and why; `duplicate_of` is the id of the pose that a duplicate repeats."""

    frame_index: int
    pose_id: int
    reason: DropReason
    duplicate_of: int | None = None


@dataclass(frozen=True)
class Tracks:
    """Tracks of one video, N rows sorted by frame_index, then track_id.

    Attributes:
        frame_index, pose_id, track_id: (N,) int64; track ids count from 0 in the order of the tracks' first poses.
        similarity: (N,) of the pose and its track; NaN for the first pose of a track.
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
    """Link the poses of a video to tracks, one frame at a time (5.2).

    Args:
        frames: the frames to link, each once, in any order: all frames, including those without poses; for annotated
            boxes the annotated frames, so that "previous frame" means the previous annotated one.
        matcher: `SimilarityMatcher` for the paper and the baselines, `ReleasedMatcher` for the released scripts.
        min_track_frames: tracks with fewer poses are dropped.
        max_lost_frames: frames without a pose after which a track may still continue; 0 in the paper.

    Returns:
        The tracks; they do not depend on the order of the frames or of the poses inside a frame.
    """
    association = Association(max_lost_frames)
    for frame in sorted(frames, key=lambda frame: frame.frame_index):
        association.add(frame, matcher)
    return association.tracks(min_track_frames)


class Association:
    """Tracks under construction, as compact as their numbers, and the last pose and step of each live track.

    Args:
        max_lost_frames: frames without a pose after which a track may still continue.
    """

    def __init__(self, max_lost_frames: int) -> None:
        self._ids = array("q")
        """Frame, track and pose of each row."""
        self._similarity = array("d")
        self._dropped: list[DroppedPose] = []
        self._last_pose_and_step: dict[int, tuple[int, int]] = {}
        self._max_lost = max_lost_frames
        self._next_track_id = 0
        self._step = -1

    def add(self, frame: FramePoses, matcher: Matcher) -> None:
        """Match the next frame to the live tracks, then start new ones; frames come in rising order."""
        self._step += 1
        live = {
            key: last for key, last in self._last_pose_and_step.items() if self._step - last[1] - 1 <= self._max_lost
        }
        self._last_pose_and_step = live
        track_ids = list(live)  # ascending, since ids are given in that order
        matches = matcher(np.array([live[key][0] for key in track_ids], dtype=np.int64), frame)
        matched = {
            pose: (track_ids[source], similarity)
            for source, pose, similarity in zip(
                matches.source.tolist(), matches.pose.tolist(), matches.similarity.tolist(), strict=True
            )
        }
        for pose, pose_id in enumerate(frame.pose_id.tolist()):
            if pose in matched:
                self._append(frame.frame_index, pose_id, *matched[pose])
            elif matches.duplicate_of[pose] >= 0:
                duplicate_of = int(frame.pose_id[matches.duplicate_of[pose]])
                self._dropped.append(DroppedPose(frame.frame_index, pose_id, "duplicate", duplicate_of))
            elif not matches.may_start[pose]:
                self._dropped.append(DroppedPose(frame.frame_index, pose_id, "too few keypoints"))
            else:
                self._append(frame.frame_index, pose_id, self._next_track_id, np.nan)
                self._next_track_id += 1

    def tracks(self, min_track_frames: int) -> Tracks:
        """Return the tracks so far; those with fewer poses are dropped."""
        frame_index, track_id, pose_id = np.asarray(self._ids, dtype=np.int64).reshape(-1, 3).T  # not copied
        order = np.lexsort((track_id, frame_index))
        similarity = np.asarray(self._similarity, dtype=np.float64)[order]
        return drop_poses(
            Tracks(frame_index[order], pose_id[order], track_id[order], similarity, _sorted(self._dropped)),
            np.ones(len(order), dtype=np.bool_),
            reason="short track",
            min_track_frames=min_track_frames,
        )

    def _append(self, frame_index: int, pose_id: int, track_id: int, similarity: float) -> None:
        self._ids.extend((frame_index, track_id, pose_id))
        self._similarity.append(similarity)
        self._last_pose_and_step[track_id] = (pose_id, self._step)


def _sorted(dropped: Iterable[DroppedPose]) -> tuple[DroppedPose, ...]:
    return tuple(sorted(dropped, key=lambda pose: (pose.frame_index, pose.pose_id)))


def drop_poses(tracks: Tracks, keep: BoolArray, *, reason: DropReason, min_track_frames: int) -> Tracks:
    """Remove poses from tracks, then the tracks that became too short, and renumber the rest from 0.

    Args:
        tracks: N rows.
        keep: (N,) rows to keep.
        reason: why the others are removed.
        min_track_frames: tracks with fewer poses are removed, as "short track".

    Returns:
        The remaining tracks, with every removed pose added to `dropped`.
    """
    kept = keep & (np.bincount(tracks.track_id, weights=keep)[tracks.track_id] >= min_track_frames)
    removed = [
        DroppedPose(int(tracks.frame_index[row]), int(tracks.pose_id[row]), "short track" if keep[row] else reason)
        for row in np.flatnonzero(~kept)
    ]
    first, track_id = _renumbered(tracks.track_id[kept])
    similarity = tracks.similarity[kept].copy()
    similarity[first] = np.nan
    order = np.lexsort((track_id, tracks.frame_index[kept]))
    return Tracks(
        tracks.frame_index[kept][order],
        tracks.pose_id[kept][order],
        track_id[order],
        similarity[order],
        _sorted([*tracks.dropped, *removed]),
    )


def _renumbered(track_id: IntArray) -> tuple[IntArray, IntArray]:
    """First row of each track, and new track ids (N,), from 0 in the order of the first rows."""
    ids, first = np.unique(track_id, return_index=True)
    rank = np.empty(ids.max(initial=-1) + 1, dtype=np.int64)
    rank[ids[np.argsort(first, kind="stable")]] = np.arange(len(first))
    return first, rank[track_id]
