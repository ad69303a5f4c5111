"""Clips: pictures with tracks drawn on them, as a small video."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Final

import av
import cv2

from models.arrays import Picture
from tasks.whole_files import whole_file

_POSTER_QUALITY = 82
_OPTIONS: Final = {"crf": "26", "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
"""One thread and no macroblock tree, so that equal pictures give equal bytes: x264's tree reads memory that nobody
wrote where frames are stored out of order."""


def write_clip(pictures: Iterable[Picture], path: Path, *, frames_per_second: float) -> Path:
    """Encode pictures (H,W,3 RGB, even sides) as H.264 in MP4, and write the first as a JPEG beside it, the poster.

    Equal pictures give equal bytes.

    Raises:
        ValueError: there is no picture.
    """
    frames: Iterator[Picture] = iter(pictures)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path.name}: a clip needs at least one picture, got none")
    movie = {"movflags": "faststart", "fflags": "+bitexact"}
    with whole_file(path) as partial, av.open(str(partial), "w", options=movie) as container:
        stream = container.add_stream("libx264", rate=Fraction(frames_per_second).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
        stream.options, stream.thread_count = _OPTIONS, 1
        for picture in chain((first,), frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    write_picture(first, poster_of(path))
    return path


def poster_of(clip: Path) -> Path:
    """The picture that a player shows before it plays the clip."""
    return clip.with_suffix(".jpg")


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture (H,W,3) RGB as JPEG."""
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _POSTER_QUALITY])
    if not done:
        raise OSError(f"{path}: the JPEG encoder refused a picture of shape {picture.shape}")
    with whole_file(path) as partial:
        partial.write_bytes(data.tobytes())
