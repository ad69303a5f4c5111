"""Poses as arrays: those of one frame, and those of a whole video by their ids."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.keypoints import BODY, KEYPOINT_COUNT


@dataclass(frozen=True)
class FramePoses:
    """All poses of one frame, PoseTrack order of the keypoints; rows may be given in any order.

    Attributes:
        frame_index: the frame.
        pose_id: (P,) int64, unique in the video, ascending.
        xy: (P,17,2) float64, px of the original picture.
        score: (P,17) float64, 0 to 1.
    """

    frame_index: int
    pose_id: IntArray
    xy: FloatArray
    score: FloatArray

    def __post_init__(self) -> None:
        order = np.argsort(self.pose_id, kind="stable")
        shapes = {"pose_id": (-1,), "xy": (-1, KEYPOINT_COUNT, 2), "score": (-1, KEYPOINT_COUNT)}
        for name, shape in shapes.items():
            kind = np.int64 if name == "pose_id" else np.float64
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind).reshape(shape)[order])

    def __len__(self) -> int:
        return len(self.pose_id)

    def take(self, keep: BoolArray | IntArray) -> "FramePoses":
        """The poses that a mask (P,) keeps or that indices name."""
        return FramePoses(self.frame_index, self.pose_id[keep], self.xy[keep], self.score[keep])

    def mean_score(self) -> FloatArray:
        """Mean score (P,) of the 15 body keypoints."""
        return body_score(self.score)


@dataclass(frozen=True)
class EstimatedPoses:
    """N poses in picture coordinates, rounded to float32, so that a table gives the same numbers back."""

    xy: FloatArray
    """(N,17,2)."""
    score: FloatArray
    """(N,17), 0 to 1."""

    @property
    def pose_score(self) -> FloatArray:
        """Mean score of the 15 body keypoints, (N,)."""
        return body_score(self.score)


def body_score(score: FloatArray) -> FloatArray:
    """Mean (P,) of the 15 body keypoints of scores (P,17): the ears are placeholders that nobody annotates."""
    return np.asarray(score[:, BODY].mean(axis=1))


def join_poses(frame_index: int, parts: Iterable[FramePoses]) -> FramePoses:
    """Join the poses of all parts as those of one frame; without parts the frame is empty."""
    parts = list(parts)
    return FramePoses(
        frame_index,
        np.concatenate([np.zeros(0, np.int64), *(part.pose_id for part in parts)]),
        np.concatenate([np.zeros((0, KEYPOINT_COUNT, 2)), *(part.xy for part in parts)]),
        np.concatenate([np.zeros((0, KEYPOINT_COUNT)), *(part.score for part in parts)]),
    )


def no_poses(frame_index: int) -> FramePoses:
    """Return a frame without poses."""
    return join_poses(frame_index, [])


class VideoPoses:
    """Poses of one video, looked up by id.

    Attributes:
        frames: the frames in ascending order of their index; those without poses are there too.
    """

    def __init__(self, frames: Iterable[FramePoses]) -> None:
        self.frames = tuple(sorted(frames, key=lambda frame: frame.frame_index))
        ids = np.concatenate([np.zeros(0, dtype=np.int64), *(frame.pose_id for frame in self.frames)])
        order = np.argsort(ids, kind="stable")
        self._pose_id = ids[order]
        self._xy = np.concatenate([np.zeros((0, KEYPOINT_COUNT, 2)), *(frame.xy for frame in self.frames)])[order]
        self._score = np.concatenate([np.zeros((0, KEYPOINT_COUNT)), *(frame.score for frame in self.frames)])[order]

    def xy(self, pose_id: IntArray) -> FloatArray:
        """Keypoints (Q,17,2) of the poses with these ids (Q,)."""
        return self._xy[self._rows(pose_id)]

    def score(self, pose_id: IntArray) -> FloatArray:
        """Scores (Q,17) of the poses with these ids (Q,)."""
        return self._score[self._rows(pose_id)]

    def _rows(self, pose_id: IntArray) -> IntArray:
        return np.searchsorted(self._pose_id, pose_id)
