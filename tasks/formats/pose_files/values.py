"""Numbers of keypoints out of JSON values, each checked."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray
from tasks.formats.errors import FieldError, InWords
from tasks.formats.fields import as_number, numbers
from tasks.formats.pose_files.records import Key

_NUMBERS_WITHOUT_SCORES: Final = 34
"""Of 17 keypoints; no count of triples is such a number."""


def flat_numbers(field: str, value: Any) -> FloatArray:
    """A list of numbers; null counts as NaN.

    Raises:
        FieldError: it is something else.
    """
    if not isinstance(value, list):
        raise FieldError(field, "a list of numbers", value)
    return np.array([_number(f"{field}[{position}]", entry) for position, entry in enumerate(value)], dtype=np.float64)


def triples(field: str, value: Any) -> FloatArray:
    """A flat list x, y, score, x, y, score, ... as (K,3), also as a list of [x, y, score].

    17 keypoints may come without scores, as 34 numbers; their scores are 1 then.

    Raises:
        FieldError: the values are no numbers, or not three for each keypoint.
    """
    is_nested = isinstance(value, list) and bool(value) and all(isinstance(row, list) for row in value)
    numbers = flat_numbers(field, list(chain.from_iterable(value)) if is_nested else value)
    if len(numbers) == _NUMBERS_WITHOUT_SCORES:
        return with_scores(numbers.reshape(-1, 2), None)
    if not len(numbers) or len(numbers) % 3:
        raise FieldError(field, "three numbers for each keypoint", InWords(f"{len(numbers)} numbers"))
    return numbers.reshape(-1, 3)


def pairs(field: str, value: Any) -> FloatArray:
    """A list of [x, y] or [x, y, z] as (K,2).

    Raises:
        FieldError: it is something else.
    """
    if not isinstance(value, list) or not value:
        raise FieldError(field, "a list of [x, y]", value)
    rows = [flat_numbers(f"{field}[{position}]", row) for position, row in enumerate(value)]
    if any(len(row) < 2 for row in rows):
        raise FieldError(field, "a list of [x, y]", value)
    return np.array([row[:2] for row in rows])


def with_scores(xy: FloatArray, scores: FloatArray | None) -> FloatArray:
    """Keypoints (K,3) of positions (K,2) and scores (K,); 1 where there are none.

    Raises:
        FieldError: not one score for each keypoint.
    """
    if scores is not None and scores.shape != (len(xy),):
        raise FieldError("scores", f"{len(xy)} numbers", InWords(f"{len(scores)} numbers"))
    return np.column_stack([xy, np.ones(len(xy)) if scores is None else scores])


def optional_number(record: dict[str, Any], *fields: str) -> float | None:
    """The first of the fields that is there and holds a number, bare or in a list; None where none does."""
    for field in fields:
        value = record.get(field)
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        value = as_number(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _number(field, value)
    return None


def first_value(record: dict[str, Any], *fields: str) -> Any:
    """What the first of the fields holds that is there; null counts as not there, and None says that none is."""
    return next((record[field] for field in fields if record.get(field) is not None), None)


def frame_key(field: str, value: Any, *, is_index: bool = False) -> Key | None:
    """What names a frame: a whole number, also as 3.0, or a text; None without one.

    Args:
        field: its name, for the error.
        value: what the file holds.
        is_index: whether only a number will do, which a text may hold too.

    Raises:
        FieldError: it is something else.
    """
    value = as_number(value) if is_index else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int | None) if is_index else (int | str | None)):
        raise FieldError(field, "a whole number" if is_index else "a frame's number or a picture's name", value)
    return value


def box_of_sides(value: Any) -> FloatArray | None:
    """Left, top, width and height (4,) of a box with an area; None of anything else, since a pose does without."""
    box = numbers([_as_numbers(value)], 4)
    return None if box is None or not np.isfinite(box).all() or not (box[0, 2:] > 0).all() else box[0]


def box_of_corners(value: Any) -> FloatArray | None:
    """The same of left, top, right and bottom, bare or in a list of one."""
    inner = value[0] if isinstance(value, list) and len(value) == 1 else value
    corners = numbers([_as_numbers(inner)], 4)
    return None if corners is None else box_of_sides([*corners[0, :2], *(corners[0, 2:] - corners[0, :2])])


def as_object(field: str, value: Any) -> dict[str, Any]:
    """A JSON object.

    Raises:
        FieldError: it is something else.
    """
    if not isinstance(value, dict):
        raise FieldError(field, "an object", value)
    return value


def as_list(field: str, value: Any) -> list[Any]:
    """A JSON list; null is an empty one, as programs write for a frame without persons.

    Raises:
        FieldError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(field, "a list", value)
    return value


def first_of(values: Sequence[Any]) -> Any:
    """The first value; None of an empty list or of something else."""
    return values[0] if isinstance(values, list) and values else None


def _as_numbers(value: Any) -> Any:
    return [as_number(entry) for entry in value] if isinstance(value, list) else value


def _number(field: str, value: Any) -> float:
    if value is None:
        return float("nan")
    value = as_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(field, "a number", value)
    try:
        return float(value)
    except OverflowError:
        return float("inf")
