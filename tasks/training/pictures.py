"""Training pictures, decoded once and kept in memory while there is room."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.arrays import Picture
from tasks.errors import InputError
from tasks.frames import FrameError, VideoFile, read_picture

CACHE_BYTES = 384 << 20
"""Decoded pictures that one process keeps; small corpora are decoded once, large ones read again."""


@dataclass(frozen=True)
class Place:
    """Where a picture lies: in a file of its own, or as a frame of a video file."""

    path: str
    """Relative to the data folder."""
    frame_index: int | None = None
    """None where the file is the picture."""
    frame_count: int = 0
    """Frames of the video file."""


class Pictures:
    """Pictures by number, decoded to RGB. Picklable; the decoded ones stay behind.

    A frame of a video file costs the decoding of all frames since the key frame before it.
    """

    def __init__(self, root: Path, places: Sequence[Place]) -> None:
        self._root, self._places = root, tuple(places)
        self._kept: dict[int, Picture] = {}
        self._free = CACHE_BYTES
        self._open: tuple[str, VideoFile] | None = None
        """The video file that was read last: each open one holds a decoder."""

    def __getstate__(self) -> dict[str, object]:
        return {"_root": self._root, "_places": self._places, "_kept": {}, "_free": CACHE_BYTES, "_open": None}

    def __getitem__(self, number: int) -> Picture:
        """Picture (H,W,3) uint8.

        Raises:
            InputError: the file is not there or no picture, though the index stage has read it.
        """
        if (kept := self._kept.get(number)) is not None:
            return kept
        picture = self._decoded(self._places[number])
        if picture.nbytes <= self._free:
            self._free -= picture.nbytes
            self._kept[number] = picture
        return picture

    def _decoded(self, place: Place) -> Picture:
        path = self._root / place.path
        try:
            if place.frame_index is None:
                return read_picture(path)
            if self._open is None or self._open[0] != place.path:
                self._open = (place.path, VideoFile(path, place.frame_count))
            return self._open[1].frame(place.frame_index)
        except FrameError as error:
            where = path if place.frame_index is None else f"{path} frame {place.frame_index}"
            told = "expected a readable picture, as when it was indexed; run the stage index again"
            raise InputError(f"{where}: {told} ({error.reason})") from error
