"""Poses as their file holds them, before they meet the frames of a video and the order of PoseTrack's keypoints."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from models.arrays import FloatArray
from tasks.formats.corpus_part import Row
from tasks.formats.errors import FieldError, InWords
from tasks.formats.pose_files.keypoint_names import names_by_count

Key: TypeAlias = int | str
"""Which frame: a number, or the name of its picture."""
Numbering: TypeAlias = Literal["frame_index", "image", "order"]
"""What a key is: the frame's index from 0, the number or name of its picture, or its position in the file from 0."""
LARGEST_PX: Final = 1e6
"""Coordinates beyond it are no positions in a picture, and would overflow later."""


@dataclass(frozen=True)
class FrameRecord:
    """A frame as a reader meets it: persons are unread records; a key of None leaves the frame to its position."""

    key: Key | None
    persons: Sequence[Any]
    is_index: bool = False
    """Whether the key counts frames from 0, as no picture's number is sure to do."""


@dataclass(frozen=True)
class Person:
    """One read record: keypoints (K,3) of x, y, score, where a missing one is NaN or has score 0, and a box's score."""

    keypoints: FloatArray
    score: float | None = None
    box_xywh: FloatArray | None = None
    """The person's box in the file, px; None where it has none."""


@dataclass(frozen=True, eq=False)
class FilePose:
    """A pose of a frame; keypoints (K,3) of x, y, score are 0 where missing, and scores lie in 0 to 1."""

    key: Key
    keypoints: FloatArray
    score: float | None
    """Of the whole person, 0 to 1; None where the file has none."""
    box_xywh: FloatArray | None = None
    """The person's box in the file, px; None where it has none."""


@dataclass(frozen=True)
class PoseFile:
    """All poses of a file or folder, in its order."""

    format_name: str
    names: tuple[str, ...]
    """Names of the K keypoints; empty without poses."""
    numbering: Numbering
    keys: tuple[Key, ...]
    """Of all frames that the file lists, with or without poses."""
    poses: tuple[FilePose, ...]
    rejects: tuple[Row, ...] = ()
    """Place and reason, one row for all persons that could not be read."""
    is_relative: bool = False
    """Whether x and y are shares of the picture's width and height."""
    first_number: int | None = None
    """Number of the first picture by the habit of the format; None where there is none."""


class NoPersonError(ValueError):
    """A file of persons of which none can be read."""


@dataclass
class _Reading:
    poses: list[FilePose] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0
    others: int = 0
    """Records of no person."""
    width: int | None = None


def read_persons(
    format_name: str,
    frames: Iterable[FrameRecord],
    person: Callable[[Any], Person | None],
    *,
    names: tuple[str, ...] | None = None,
    is_relative: bool = False,
    first_number: int | None = None,
) -> PoseFile:
    """Read every person of every frame; those that cannot be read are counted, and the first is reported.

    Args:
        format_name: name of the format.
        frames: the file's frames in order.
        person: one record to its keypoints, or None for a record of no person.
        names: keypoint names that the file gives; else they follow from the count.
        is_relative: x and y are shares of the picture.
        first_number: number of the first picture by the habit of the format.

    Raises:
        NoPersonError: none of the persons can be read.
        FieldError: frames with and without a number are mixed, or a frame's index is no whole number.
    """
    listed = list(frames)
    numbering = _numbering(listed)
    reading = _Reading(width=len(names) if names else None)
    keys = [position if frame.key is None else frame.key for position, frame in enumerate(listed)]
    for key, frame in zip(keys, listed, strict=True):
        for position, record in enumerate(frame.persons):
            _read_person(reading, person, record, key, position)
    if reading.failures and not reading.poses:
        where, reason = reading.failures[0]
        raise NoPersonError(f"none of {reading.count} persons can be read; the first, {where}: {reason}")
    chosen = names or (names_by_count(reading.width) if reading.width is not None and reading.poses else ())
    rejects = _rejects(reading)
    return PoseFile(
        format_name, chosen, numbering, tuple(keys), tuple(reading.poses), rejects, is_relative, first_number
    )


def _numbering(frames: Sequence[FrameRecord]) -> Numbering:
    kinds = {"order" if frame.key is None else "frame_index" if frame.is_index else "image" for frame in frames}
    if len(kinds) > 1:
        raise FieldError("frames", "every frame with its number, or none", InWords("some of each"))
    if any(frame.is_index and not isinstance(frame.key, int) for frame in frames):
        raise FieldError("frame_index", "a whole number in every frame", InWords("something else"))
    kind: Any = next(iter(kinds), "order")
    return kind  # type: ignore[no-any-return]


def _read_person(
    reading: _Reading, person: Callable[[Any], Person | None], record: object, key: Key, position: int
) -> None:
    reading.count += 1
    try:
        read = person(record)
        if read is None:
            reading.count -= 1
            reading.others += 1
            return
        keypoints = _checked(read.keypoints, reading.width)
        reading.width = len(keypoints)
        score = None if read.score is None or not np.isfinite(read.score) else float(np.clip(read.score, 0, 1))
        reading.poses.append(FilePose(key, keypoints, score, read.box_xywh))
    except FieldError as error:
        reading.failures.append((f"frame {key}, person {position}", str(error)))


def _checked(keypoints: FloatArray, width: int | None) -> FloatArray:
    """Zeros where a keypoint is missing, and scores cut to 0..1 (a visibility of 2 counts as 1)."""
    if width is not None and len(keypoints) != width:
        raise FieldError("keypoints", f"{width} of them", InWords(f"{len(keypoints)}"))
    if width is None:
        names_by_count(len(keypoints))
    present = np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] > 0) & (keypoints[:, :2] != 0).any(axis=1)
    if present.any() and np.abs(keypoints[present, :2]).max() > LARGEST_PX:
        raise FieldError("keypoints", f"coordinates within {LARGEST_PX:.0f} px", InWords("one beyond"))
    checked: FloatArray = np.where(present[:, None], keypoints, 0.0)
    checked[:, 2] = checked[:, 2].clip(0, 1)
    return checked


def _rejects(reading: _Reading) -> tuple[Row, ...]:
    rows: list[Row] = []
    if reading.failures:
        where, reason = reading.failures[0]
        more = "" if len(reading.failures) == 1 else f" ({len(reading.failures)} of {reading.count} persons like this)"
        rows.append({"location": where, "reason": f"{reason}{more}"})
    if reading.others:
        rows.append({"location": "", "reason": f"{reading.others} records of crowds or of other classes; not read"})
    return tuple(rows)
