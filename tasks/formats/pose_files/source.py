"""What lies at a path of poses: a file, or a folder with one file per frame."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from tasks.errors import InputError, raise_machine_fault
from tasks.formats.frame_order import FrameOrderError, frame_order
from tasks.formats.json_files import load_json
from tasks.formats.pose_files import hdf5
from tasks.formats.text_files import begins_like_json, decoded_text

Document: TypeAlias = tuple[str | None, Any]
"""A JSON value, and the name of the frame's file in a folder; None for a file that stands alone."""
_ENDINGS: Final = (".json", ".txt")
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True)
class PoseSource:
    """A file or folder of poses; each form of its content is read once, when it is asked for."""

    path: Path

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The file, or those of the folder in the order of frames: JSON if there is any, else text.

        Raises:
            InputError: the names do not give the order.
        """
        if not self.path.is_dir():
            return (self.path,)
        inside = [path for path in self.path.iterdir() if path.is_file() and not path.name.startswith(".")]
        by_ending = [[path for path in inside if path.suffix.lower() == ending] for ending in _ENDINGS]
        by_name = {path.name: path for path in next(filter(None, by_ending), [])}
        try:
            return tuple(by_name[name] for name in frame_order(by_name))
        except FrameOrderError as error:
            raise InputError(f"{self.path}: {error}") from error

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file; none of a folder."""
        if self.path.is_dir():
            return b""
        with opened(self.path) as file:
            return file.read(64)

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The JSON values of all files; empty if the first is not JSON at all.

        Raises:
            InputError: a file cannot be read, or begins like JSON and is none.
        """
        if not self.files or not self._begins_like_json(self.files[0]):
            return ()
        return tuple((path.stem if self.path.is_dir() else None, load_json(path)) for path in self.files)

    @cached_property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Name without ending, and text, of each file; the text of HDF5 is the csv of the same program.

        Raises:
            InputError: a file is not text.
        """
        if self.head.startswith(hdf5.MARK):
            return ((self.path.stem, hdf5.csv_of_hdf5(self.path)),)
        return tuple((path.stem, _text(path)) for path in self.files)

    def _begins_like_json(self, path: Path) -> bool:
        with opened(path) as file:
            return begins_like_json(file.read(64))


def last_number(name: str) -> int:
    """The last group of digits in a picture's name, which counts frames; -1 without digits."""
    numbers = _NUMBERS.findall(name)
    return int(numbers[-1][:18]) if numbers else -1


def opened(path: Path) -> BinaryIO:
    """The file, open for reading bytes.

    Raises:
        InputError: it is not there or may not be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise_machine_fault(error)
        raise InputError(f"{path}: expected a readable file of poses, got {error.strerror}") from error


def _text(path: Path) -> str:
    with opened(path) as file:
        content = file.read()
    try:
        return decoded_text(content)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text, got bytes that are neither UTF-8 nor UTF-16") from error
