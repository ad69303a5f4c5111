"""Checked access to the dictionaries, lists and numbers of an annotation file."""

import math
from collections.abc import Sequence as Many
from typing import Any, TypeAlias

import numpy as np

from models.arrays import FloatArray
from tasks.formats.errors import ScoringError, shown

Record: TypeAlias = dict[str, Any]


def numbers(rows: Many[Any], width: int) -> FloatArray | None:
    """`rows` as (len(rows), width) floats, or None if any of them is not that many numbers."""
    if not len(rows):
        return np.empty((0, width))
    try:
        values = np.array(rows)
        if values.dtype.kind not in "biuf":
            values = _whole_numbers(values)
        return values.reshape(len(rows), width).astype(np.float64, copy=False)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def number(value: Any) -> float | None:
    """`value` as a float, or None if it is no number."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def first_bad(rows: Many[Any], width: int) -> int:
    """Index of the first row that is not `width` numbers."""
    return next(index for index, row in enumerate(rows) if numbers([row], width) is None)


def list_of_records(file: str, data: Any, field: str, *, where: str = "") -> list[Record]:
    """The list of objects under `field`.

    Raises:
        ScoringError: it is missing or something else.
    """
    spot = f"{where}, field {field}" if where else f"field {field}"
    if not isinstance(data, dict) or field not in data:
        raise ScoringError(file, spot, "a list of objects", "nothing" if isinstance(data, dict) else shown(data))
    value = data[field]
    if not isinstance(value, list):
        raise ScoringError(file, spot, "a list of objects", shown(value))
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise ScoringError(file, f"{spot}[{index}]", "an object", shown(entry))
    return value


def _whole_numbers(values: Any) -> Any:
    """Integers beyond 64 bits arrive as objects; text and null are refused."""
    if values.dtype.kind != "O" or not all(isinstance(value, int | float) for value in values.flat):
        raise TypeError
    return values.astype(np.float64)
