"""The tracks of one video as every format is given them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.arrays import BoolArray, Float32Array, IntArray
from tasks.formats.fields import Record


@dataclass(frozen=True)
class TrackedWindow:
    """Frames of a video that follow each other, and their N poses by frame, then identity."""

    frames: list[Record]
    """Their rows of the table `frames` in order: frame_index, image_id, file_name, path, seconds."""
    first_pose: int
    """Number of poses in the frames before."""
    image_id: IntArray
    """Id of each pose's frame, (N,)."""
    track_id: IntArray
    """Identity within the video, (N,)."""
    xy: Float32Array
    """Keypoints in PoseTrack's order, pixels from 0, (N,17,2); single numbers, as in the table."""
    score: Float32Array
    """Scores of the keypoints, 0 to 1, (N,17)."""
    is_shown: BoolArray
    """Keypoints that are part of the answer, (N,17); a pose without any is left out."""
    is_recovered: BoolArray
    """Poses that detection had missed, (N,)."""

    @property
    def shown_poses(self) -> list[int]:
        """Rows of the poses of which a keypoint is shown, ascending."""
        rows: IntArray = np.flatnonzero(self.is_shown.any(axis=1))
        return [int(row) for row in rows]


@dataclass(frozen=True)
class TrackedVideo:
    """The tracks of a video, of which a window of frames is in memory at a time."""

    video_id: str
    windows: Iterable[TrackedWindow]
    """All frames with their poses in order of time; each pass over it reads them anew."""
    listed_images: list[Record] | None
    """The frames as the annotation file lists them: id, file_name and what else it has; without ground truth. None for
    a video without such a file."""
    width: int
    height: int
    """Of its pictures, px."""
    frames_per_second: float | None
    """None where it is not known."""

    @property
    def is_annotated(self) -> bool:
        """Whether an annotation file lists its frames; the frames of others are numbered from 1 in `image_id`."""
        return self.listed_images is not None

    @property
    def frames(self) -> Iterator[Record]:
        """Rows of the table `frames` of all frames in order of time."""
        return (frame for window in self.windows for frame in window.frames)

    @property
    def images(self) -> Iterator[Record]:
        """The frames as PoseTrack18 lists them."""
        if self.listed_images is not None:
            return iter(self.listed_images)
        return ({"id": row["image_id"], "file_name": row["file_name"], "vid_id": self.video_id} for row in self.frames)


class TrackFormat(Protocol):
    """A file format for tracks, one file per video."""

    @property
    def ending(self) -> str:
        """Ending of its files, with the dot."""

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """Content of the file of one video, in pieces.

        Raises:
            InputError: the format has no form for it.
        """
