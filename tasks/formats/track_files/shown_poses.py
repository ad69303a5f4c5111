"""The frames of a tracked video in order, each with the poses that are shown in it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.keypoints import BODY, POSETRACK_KEYPOINTS
from models.poses.boxes import box_around
from tasks.formats.tracked_video import TrackedVideo, TrackedWindow

KEYPOINTS: Final = tuple((int(index), POSETRACK_KEYPOINTS[index]) for index in BODY)
"""Index in PoseTrack's order and name of the 15 keypoints that are written; no one knows the ears."""
_DECIMALS: Final = 3


@dataclass(frozen=True)
class ShownPose:
    """One person in one frame."""

    track_id: int
    is_recovered: bool
    score: float
    """Mean score of the shown keypoints, 0 to 1."""
    box_xywh: list[float]
    """Extent of the shown keypoints, grown by 15 % on each side, px."""
    xy: FloatArray
    """(17,2) px, PoseTrack's order."""
    keypoint_score: FloatArray
    """(17,)."""
    is_shown: BoolArray
    """(17,)."""

    def cells(self, index: int) -> tuple[float | None, float | None, float]:
        """x, y and score of a keypoint; x and y are None where it is not shown."""
        x, y = map(rounded, self.xy[index].tolist()) if self.is_shown[index] else (None, None)
        return x, y, rounded(float(self.keypoint_score[index]))


@dataclass(frozen=True)
class FrameWithPoses:
    """One frame of the video, also where nobody is in it."""

    index: int
    """From 0."""
    row: dict[str, Any]
    """Its row of the table `frames`."""
    poses: list[ShownPose]
    """By track_id."""

    @property
    def seconds(self) -> float | None:
        """Time since the first frame; None where no frame rate is known."""
        return None if self.row["seconds"] is None else float(self.row["seconds"])


def frames_with_poses(video: TrackedVideo) -> Iterator[FrameWithPoses]:
    """Every frame of the video in order of time."""
    for window in video.windows:
        rows: dict[int, list[int]] = defaultdict(list)
        for row in window.shown_poses:
            rows[int(window.image_id[row])].append(row)
        for frame in window.frames:
            poses = [_pose(window, row) for row in rows[frame["image_id"]]]
            yield FrameWithPoses(frame["frame_index"], frame, sorted(poses, key=lambda pose: pose.track_id))


def rounded(value: float) -> float:
    """A thousandth of a pixel is enough."""
    return round(value, _DECIMALS)


def _pose(window: TrackedWindow, row: int) -> ShownPose:
    shown, xy, score = window.is_shown[row], window.xy[row].astype(np.float64), window.score[row].astype(np.float64)
    return ShownPose(
        track_id=int(window.track_id[row]),
        is_recovered=bool(window.is_recovered[row]),
        score=rounded(float(score[shown].mean())),
        box_xywh=[rounded(value) for value in box_around(xy[shown]).tolist()],
        xy=xy,
        keypoint_score=score,
        is_shown=shown,
    )
