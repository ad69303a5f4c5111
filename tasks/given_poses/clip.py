"""An annotated video: its frames as the index would list them, and its pictures where the video is at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.errors import InputError
from tasks.formats.corpus_part import Row
from tasks.frames import VideoFrames
from tasks.warps.annotated_video import FrameIndices


@dataclass(frozen=True)
class Clip:
    """The frames of one video."""

    row: Row
    """What its row of the table `videos` has that identifies its frames."""
    frames: Sequence[Row]
    """The same for its rows of the table `frames`."""
    pictures: VideoFrames | None

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height, px.

        Raises:
            InputError: there are no pictures.
        """
        if self.pictures is None:
            raise InputError("--video: expected the video too, since these poses are in shares of the picture's size")
        height, width = self.pictures.frame(0).shape[:2]
        return width, height


def bare_clip(video: Path | None, frame_count: int) -> Clip:
    """A video whose frames are numbered from 1, as MOT does.

    Args:
        video: its file or folder of pictures; None for one that is not at hand.
        frame_count: how many frames it has then.
    """
    indices = None if video is None else FrameIndices(video, [], option="--video")
    names = [None] * frame_count if indices is None else indices.names
    frames = [
        {"frame_index": index, "image_id": index + 1, "path": name, "file_name": f"{index:06d}"}
        for index, name in enumerate(names)
    ]
    return Clip({"source": None}, frames, None if indices is None else indices.pictures)


def annotated_clip(video: Path | None, annotations: Path, images: Sequence[Row]) -> tuple[Clip, list[int | None]]:
    """A video with a PoseTrack annotation, and the frame of each of its images.

    Without the video the images are its frames. A picture that is missing has no frame.
    """
    if video is None:
        frames = [_frame_row(position, image, None) for position, image in enumerate(images)]
        return Clip({"source": annotations.name}, frames, None), list(range(len(images)))
    indices = FrameIndices(video, list(images), option="--video")
    frame_of = [_index_of(indices, position, image) for position, image in enumerate(images)]
    image_of = {index: image for index, image in zip(frame_of, images, strict=True) if index is not None}
    frames = [_frame_row(index, image_of.get(index), name) for index, name in enumerate(indices.names)]
    return Clip({"source": annotations.name}, frames, indices.pictures), frame_of


def _index_of(indices: FrameIndices, position: int, image: Row) -> int | None:
    try:
        return indices.index_of(position, image)
    except ValueError:
        return None


def _frame_row(index: int, image: Row | None, path: str | None) -> Row:
    """A frame that is not annotated is known by its picture alone."""
    known = {"id": None, "file_name": path} if image is None else image
    return {"frame_index": index, "path": path, "image_id": known["id"], "file_name": known["file_name"]}
