"""Which frame of a video each pose belongs to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from tasks.formats.corpus_part import Row
from tasks.formats.fields import as_number
from tasks.formats.frame_order import FrameOrderError, frame_numbers, frame_order
from tasks.formats.pose_files.records import Key, PoseFile
from tasks.formats.pose_files.source import last_number

FrameOf: TypeAlias = Callable[[Key], int | None]


@dataclass(frozen=True)
class FrameMatch:
    """How the keys of a file lead to frames of a video."""

    frame_of: FrameOf
    """Key to frame_index; None for one that the video does not have."""
    rule: str
    """In words, for a message: "frames by their index from 0"."""


def match_frames(file: PoseFile, video: Row, frames: Sequence[Row]) -> FrameMatch:
    """The frames of a video that a file's keys mean.

    Picture names count first, then the ids of an annotated video, then numbers: those in the pictures' names, else
    counted from 0 or 1, whichever fits: 0 if that number occurs, 1 if the number of frames occurs, else the habit of
    the format, else 1 if 1 is the lowest.

    Args:
        file: poses with their keys.
        video: its row of the table videos.
        frames: its rows of the table frames, in order.
    """
    by_position = {
        row["image_id"] - 1 if video["source"] is None else row["frame_index"]: row["frame_index"] for row in frames
    }
    if file.numbering == "frame_index":
        return FrameMatch(by_position.get, "frames by their index from 0")
    if file.numbering == "order":
        return FrameMatch(by_position.get, "frames by their order in the file")
    names = _by_name(frames, is_annotated=video["source"] is not None)
    if any(_stem(key) in names for key in file.keys if isinstance(key, str)):
        return FrameMatch(lambda key: names.get(_stem(key)), "frames by the names of their pictures")
    ids = {row["image_id"]: row["frame_index"] for row in frames} if video["source"] is not None else {}
    if any(as_number(key) in ids for key in file.keys):
        return FrameMatch(lambda key: ids.get(as_number(key)), "frames by image_id")
    return _by_number(file, by_position, frames)


def _by_number(file: PoseFile, by_position: Mapping[int, int], frames: Sequence[Row]) -> FrameMatch:
    number_of = _numbers(file.keys)
    numbers = set(number_of.values())
    if numbers == {-1}:
        in_order = {key: position for position, key in enumerate(file.keys)}
        return FrameMatch(lambda key: by_position.get(in_order[key]), "frames by their order in the file")
    paths = [row["path"] for row in frames]
    in_names = (None if None in paths else frame_numbers(paths)) or []
    pictures = {number: row["frame_index"] for number, row in zip(in_names, frames, strict=False)}
    if pictures and numbers <= set(pictures):
        return FrameMatch(lambda key: pictures.get(number_of[key]), "frames by the numbers in their pictures' names")
    first = _first_number(numbers, len(frames), file.first_number)
    rule = f"frames by picture number, counted from {first}"
    return FrameMatch(lambda key: by_position.get(number_of[key] - first), rule)


def _first_number(numbers: set[int], frame_count: int, habit: int | None) -> int:
    if 0 in numbers:
        return 0
    if frame_count in numbers:
        return 1
    return int(min(numbers) == 1) if habit is None else habit


def _by_name(frames: Sequence[Row], *, is_annotated: bool) -> dict[str, int]:
    """Frames by the name of their picture without ending; a video file has no such names."""
    named = [(row["file_name"] if is_annotated else row["path"], row["frame_index"]) for row in frames]
    return {_stem(name): index for name, index in named if name}


def _stem(key: Key) -> str:
    return PurePosixPath(str(key)).stem if isinstance(key, str) else ""


def _numbers(keys: Sequence[Key]) -> dict[Key, int]:
    """The number of each key: of names the one that counts the frames, or the last where that is not clear."""
    names = [key for key in keys if isinstance(key, str)]
    try:
        ordered = frame_order(names)
    except FrameOrderError:
        ordered = names
    counted = dict(zip(ordered, frame_numbers(ordered) or (), strict=False))
    return {key: key if isinstance(key, int) else counted.get(key, last_number(_stem(key))) for key in keys}
