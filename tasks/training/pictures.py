"""Training pictures, decoded once and kept in memory while there is room."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.arrays import Picture
from tasks.errors import InputError
from tasks.frames import FrameError, VideoFile, read_picture

CACHE_BYTES = 384 << 20
"""Decoded pictures that one process keeps; small corpora are decoded once, large ones again and again."""


@dataclass(frozen=True)
class PictureLocation:
    """Where to read a picture: a file of its own, or a frame of a video file."""

    path: str
    """Relative to the data folder."""
    frame_index: int | None = None
    """None where the file is the picture."""
    frame_count: int = 0
    """Frames of the video file."""


class Pictures:
    """Pictures by number, decoded to RGB. Picklable, without the decoded pictures. Threads may share it.

    Reading a frame of a video file decodes all frames since the previous key frame.
    """

    def __init__(self, root: Path, locations: Sequence[PictureLocation]) -> None:
        self._root, self._locations = root, tuple(locations)
        self._kept: dict[int, Picture] = {}
        self._free = CACHE_BYTES
        self._open: tuple[str, VideoFile] | None = None
        """The video file that was read last; only one is open, since each holds a decoder."""
        self._keeping, self._decoding = threading.Lock(), threading.Lock()

    def __reduce__(self) -> tuple[type["Pictures"], tuple[Path, tuple[PictureLocation, ...]]]:
        return Pictures, (self._root, self._locations)

    def __getitem__(self, number: int) -> Picture:
        """Picture (H,W,3) uint8.

        Raises:
            InputError: the file is absent or unreadable, though the index stage has read it.
        """
        if (kept := self._kept.get(number)) is not None:
            return kept
        picture = self._decoded(self._locations[number])
        with self._keeping:
            if picture.nbytes <= self._free and number not in self._kept:
                self._free -= picture.nbytes
                self._kept[number] = picture
        return picture

    def _decoded(self, location: PictureLocation) -> Picture:
        path = self._root / location.path
        try:
            if location.frame_index is None:
                return read_picture(path)
            with self._decoding:
                if self._open is None or self._open[0] != location.path:
                    self._open = (location.path, VideoFile(path, location.frame_count))
                return self._open[1].frame(location.frame_index)
        except FrameError as error:
            where = path if location.frame_index is None else f"{path} frame {location.frame_index}"
            advice = "expected a readable picture, as when it was indexed; run the stage index again"
            raise InputError(f"{where}: {advice} ({error.reason})") from error
