"""Ultralytics' pose results: a text file of labels per frame, and the JSON of its results.

A line of text is class, box (x, y, width, height of its centre), keypoints, and with some options the box's score and a
track id; all positions are shares of the picture. Frames of a video are numbered from 1, and have no file when empty.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from tasks.formats.errors import FieldError, InWords
from tasks.formats.pose_files.records import FrameRecord, Person
from tasks.formats.pose_files.source import Document
from tasks.formats.pose_files.values import (
    as_list,
    as_object,
    box_of_corners,
    first_of,
    flat_numbers,
    optional_number,
    with_scores,
)

_BOX_FIELDS: Final = 5
_MOST_EXTRA_FIELDS: Final = 2
_PERSON_CLASS: Final = 0.0
_CORNERS: Final = ("x1", "y1", "x2", "y2")


def recognises(document: Any) -> bool:
    """Whether it is one frame's list of results, or a list of such lists."""
    entry = first_of(document)
    if isinstance(entry, list):
        return any(recognises(frame) for frame in document if frame)
    return isinstance(entry, dict) and isinstance(entry.get("keypoints"), dict) and "box" in entry


def frames(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """A frame for each file of a folder, by name; else for each list in the file, by position."""
    for name, document in documents:
        entries = as_list("results", document)
        if name is not None or any(isinstance(entry, dict) for entry in entries):
            yield FrameRecord(name, entries)
        else:
            yield from (
                FrameRecord(None, as_list(f"frame {position}", frame)) for position, frame in enumerate(entries)
            )


def person(record: Any) -> Person | None:
    """One result; those of other classes than person are passed over."""
    fields = as_object("result", record)
    if fields.get("name") not in (None, "person"):
        return None
    keypoints = as_object("keypoints", fields.get("keypoints"))
    columns = [flat_numbers(f"keypoints.{axis}", keypoints.get(axis)) for axis in "xy"]
    if len(columns[0]) != len(columns[1]):
        raise FieldError("keypoints", f"as many y as x ({len(columns[0])})", len(columns[1]))
    visibilities = keypoints.get("visible")
    scores = None if visibilities is None else flat_numbers("keypoints.visible", visibilities)
    sides = fields.get("box")
    box = box_of_corners([sides.get(name) for name in _CORNERS]) if isinstance(sides, dict) else None
    return Person(with_scores(np.column_stack(columns), scores), optional_number(fields, "confidence"), box)


def are_labels(texts: Sequence[tuple[str, str]]) -> bool:
    """Whether the first line that is not empty is a label with keypoints."""
    line = next((line for _, text in texts for line in text.splitlines() if line.strip()), "")
    try:
        label_person(line)
    except FieldError:
        return False
    return True


def frames_of_labels(texts: Sequence[tuple[str, str]]) -> Iterator[FrameRecord]:
    """A frame for each file, by its name, such as street_12."""
    for name, text in texts:
        yield FrameRecord(name, [line for line in text.splitlines() if line.strip()])


def label_person(record: Any) -> Person | None:
    """One line; those of other classes than 0 are passed over."""
    try:
        values = np.array([float(word) for word in str(record).split()])
    except ValueError as error:
        raise FieldError("line", "numbers", record) from error
    for extra in range(_MOST_EXTRA_FIELDS + 1):
        width = len(values) - _BOX_FIELDS - extra
        if width > 0 and width % 17 == 0 and width // 17 in (2, 3):
            if values[0] != _PERSON_CLASS:
                return None
            keypoints = values[_BOX_FIELDS : _BOX_FIELDS + width].reshape(17, -1)
            scores = keypoints[:, 2] if keypoints.shape[1] == 3 else None
            is_score = extra > 0 and 0 <= values[_BOX_FIELDS + width] <= 1
            score = float(values[_BOX_FIELDS + width]) if is_score else None
            return Person(with_scores(keypoints[:, :2], scores), score)
    expected = "class, box, and 17 keypoints of two or three numbers"
    raise FieldError("line", expected, InWords(f"{len(values)} numbers"))
