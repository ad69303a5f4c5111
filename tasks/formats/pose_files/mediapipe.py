"""MediaPipe's pose landmarks as JSON: 33 landmarks a person, x and y as shares of the picture, visibility as score.

MediaPipe writes no files itself. Its results are read as they are usually written: a list with an entry per frame,
which is a list of landmarks (one person), a list of such lists, null, or an object that holds them as `landmarks`,
`pose_landmarks`, `poseLandmarks` or `landmark`, with `frame_index` or `frame` beside it or not.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from tasks.formats.errors import FieldError
from tasks.formats.pose_files.records import FrameRecord, Key, Person
from tasks.formats.pose_files.source import Document
from tasks.formats.pose_files.values import as_list, as_object, first_of, first_value, flat_numbers, frame_key

_FIELDS: Final = ("landmarks", "pose_landmarks", "poseLandmarks", "landmark")
_LANDMARK_COUNT: Final = 33
_DEEPEST: Final = 4


def recognises(document: Any) -> bool:
    """Whether landmarks are found in the first frame that has some."""
    entries = document if isinstance(document, list) else [document]
    return any(_holds_landmarks(entry, 0) for entry in entries[:1000])


def frames(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """Frames by their number, their file's name or their position."""
    for name, document in documents:
        is_frame = name is not None or isinstance(document, dict) or _is_landmark(first_of(document))
        for entry in [document] if is_frame else as_list("file", document):
            number = _number(entry)
            yield FrameRecord(name if number is None else number, _persons(entry, 0), is_index=number is not None)


def person(record: Any) -> Person:
    """The landmarks of one person."""
    landmarks = [as_object("landmark", entry) for entry in as_list("landmarks", record)]
    if len(landmarks) != _LANDMARK_COUNT:
        raise FieldError("landmarks", f"{_LANDMARK_COUNT} of them", len(landmarks))
    columns = [flat_numbers(axis, [entry.get(axis) for entry in landmarks]) for axis in "xy"]
    visibility = flat_numbers("visibility", [_visibility(entry) for entry in landmarks])
    return Person(np.column_stack([*columns, visibility]))


def _persons(entry: Any, depth: int) -> list[Any]:
    """Lists of landmarks, one for each person."""
    if entry is None or entry == []:
        return []
    if isinstance(entry, dict) and depth < _DEEPEST:
        field = next((field for field in _FIELDS if entry.get(field) is not None), None)
        if field is None and any(name in entry for name in _FIELDS):  # null: a frame without persons
            return []
        if field is None:
            raise FieldError("frame", f"one of {', '.join(_FIELDS)}", list(entry))
        return _persons(entry[field], depth + 1)
    if not isinstance(entry, list) or depth >= _DEEPEST:
        raise FieldError("frame", "landmarks", entry)
    if _is_landmark(entry[0]):
        return [entry]
    return [person for inner in entry for person in _persons(inner, depth + 1)]


def _holds_landmarks(entry: Any, depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    if _is_landmark(entry):
        return True
    if isinstance(entry, dict):
        return any(_holds_landmarks(entry[field], depth + 1) for field in _FIELDS if field in entry)
    return _holds_landmarks(first_of(entry), depth + 1) if isinstance(entry, list) else False


def _is_landmark(value: Any) -> bool:
    return isinstance(value, dict) and {"x", "y"} <= set(value)


def _visibility(landmark: dict[str, Any]) -> Any:
    value = first_value(landmark, "visibility")
    return 1.0 if value is None else value


def _number(entry: Any) -> Key | None:
    if not isinstance(entry, dict):
        return None
    return frame_key("frame_index", first_value(entry, "frame_index", "frame"), is_index=True)
