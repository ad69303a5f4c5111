"""Poses of one video as they are given, and the frames of them that a tracker sees."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.arrays import FloatArray, IntArray
from models.keypoints import BODY
from models.poses.boxes import box_around
from models.poses.frame_poses import FramePoses
from tasks.errors import InputError
from tasks.formats.errors import FieldError
from tasks.formats.pose_files.posetrack_keypoints import posetrack_keypoints
from tasks.formats.pose_files.records import FilePose, PoseFile
from tasks.formats.pose_files.registry import AUTO, read_poses
from tasks.formats.pose_files.video_frames import match_frames
from tasks.given_poses.clip import Clip


@dataclass(frozen=True)
class GivenPoses:
    """N poses of one video in frame order; the id of a pose is its row."""

    frame: IntArray
    """(N,)."""
    xy: FloatArray
    """(N,17,2) px, PoseTrack order."""
    score: FloatArray
    """(N,17), 0 where a keypoint is missing."""
    box_xywh: FloatArray
    """(N,4) px: the person's box of the file, else that around the keypoints."""

    def __len__(self) -> int:
        return len(self.frame)

    def in_frames(self, frames: Iterable[int]) -> list[FramePoses]:
        """The poses of each of the frames, which may have none."""
        return [self._at(index, np.flatnonzero(self.frame == index)) for index in frames]

    def _at(self, index: int, rows: IntArray) -> FramePoses:
        return FramePoses(index, rows, self.xy[rows], self.score[rows])


@dataclass
class ReadPoses:
    """What was read of a file of poses."""

    poses: GivenPoses
    frame_count: int
    """Frames up to the last that the file lists."""
    notices: list[str] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)


def read_given_poses(path: Path, clip: Clip, format_name: str = AUTO) -> ReadPoses:
    """The poses of a file or folder in any format that `reprocess --poses` reads.

    Raises:
        InputError: it cannot be read, or holds no pose of this video.
    """
    file = read_poses(path, format_name)
    match = match_frames(file, clip.row, clip.frames)
    frames = [match.frame_of(pose.key) for pose in file.poses]
    listed = [index for index in map(match.frame_of, file.keys) if index is not None]
    usable = _usable(file, frames)
    if not usable:
        raise InputError(f"{path}: expected poses of this video, got {len(file.poses)} poses of which none can be used")
    try:
        poses = _given(file, usable, clip)
    except FieldError as error:
        raise InputError(f"{path}: {error}") from error
    rejects = [f"{' '.join(filter(None, (path.name, row['location'])))}: {row['reason']}" for row in file.rejects]
    elsewhere = frames.count(None)
    bare = len(file.poses) - elsewhere - len(usable)
    for count, reason in ((elsewhere, "are of no frame"), (bare, "have no keypoint")):
        rejects += [f"{path.name}: {count} of {len(file.poses)} poses {reason}"] if count else []
    boxed = sum(file.poses[row].box_xywh is not None for _, row in usable)
    boxes = "the file's" if boxed == len(usable) else f"around the keypoints ({boxed} of {len(usable)} have their own)"
    notices = [f"{len(poses)} poses read as {file.format_name}, {match.rule}; their boxes are {boxes}"]
    return ReadPoses(poses, 1 + max(listed), notices, rejects)


def _usable(file: PoseFile, frames: Sequence[int | None]) -> list[tuple[int, int]]:
    """Frame and row of each pose that has a frame and a keypoint, in frame order."""
    has_keypoint = [bool((pose.keypoints[:, 2] > 0).any()) for pose in file.poses]
    return sorted(
        (frame, row)
        for row, (frame, is_usable) in enumerate(zip(frames, has_keypoint, strict=True))
        if frame is not None and is_usable
    )


def _given(file: PoseFile, usable: Sequence[tuple[int, int]], clip: Clip) -> GivenPoses:
    chosen = [file.poses[row] for _, row in usable]
    keypoints = posetrack_keypoints(file.names, np.stack([pose.keypoints for pose in chosen]))
    scale = np.array(clip.size) if file.is_relative else np.ones(2)
    xy, score = keypoints[..., :2] * scale, keypoints[..., 2]
    boxes = [_box(*parts) for parts in zip(chosen, xy, score, strict=True)]
    return GivenPoses(np.array([frame for frame, _ in usable]), xy, score, np.stack(boxes))


def _box(pose: FilePose, xy: FloatArray, score: FloatArray) -> FloatArray:
    return keypoint_box(xy, score) if pose.box_xywh is None else pose.box_xywh


def keypoint_box(xy: FloatArray, score: FloatArray) -> FloatArray:
    """Box (4,) xywh around the keypoints (17,2) that are there, with the margin of boxes of poses from files."""
    shown = np.zeros(len(score), dtype=bool)
    shown[BODY] = score[BODY] > 0
    return box_around(xy[shown if shown.any() else score > 0])
