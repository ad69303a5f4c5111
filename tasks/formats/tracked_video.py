"""The tracks of one video as every format is given them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from models.arrays import BoolArray, Float32Array, IntArray
from tasks.formats.fields import Record


@dataclass(frozen=True)
class TrackedVideo:
    """N poses by frame, then identity, with the video's frames."""

    video_id: str
    images: list[Record]
    """The frames as the annotation file lists them: id, file_name and what else it has; without ground truth."""
    image_id: IntArray
    """Id in `images` of each pose's frame, (N,)."""
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
    frames: list[Record]
    """Its rows of the table `frames` in order: frame_index, image_id, file_name, path, seconds."""
    width: int
    height: int
    """Of its pictures, px."""
    frames_per_second: float | None
    """None where it is not known."""
    is_annotated: bool
    """Whether an annotation file lists its frames; the frames of others are numbered from 1 in `image_id`."""


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
