"""DeepLabCut's csv, and its h5 as csv: a row per frame, columns of x, y and likelihood by individual and body part.

The header is scorer, (individuals,) bodyparts, coords. A row is known by the frame's index or its picture's path.
"""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray
from tasks.formats.errors import FieldError, InWords
from tasks.formats.fields import as_number
from tasks.formats.pose_files.records import FrameRecord, Key, Person

_COORDS: Final = ("x", "y", "likelihood")
_DEEPEST_HEADER: Final = 4


@dataclass(frozen=True)
class _Header:
    """Names of body parts, and for each individual its columns (K,3); -1 for a missing likelihood."""

    parts: tuple[str, ...]
    columns: tuple[tuple[tuple[int, ...], ...], ...]
    first_row: int
    key_columns: int


def recognises(text: str) -> bool:
    """Whether it begins with the header."""
    return text.startswith("scorer,") and "bodyparts," in text[:100_000] and "coords," in text[:1_000_000]


def frames(text: str) -> Iterator[FrameRecord]:
    """A frame for each row; persons are arrays (K,3) with NaN where the cell is empty."""
    rows = _rows(text)
    header = _header(rows)
    width = 1 + max(column for person in header.columns for part in person for column in part)
    for position, row in enumerate(rows[header.first_row :]):
        if len(row) < width:
            raise FieldError(f"row {position}", f"{width} cells", InWords(f"{len(row)}"))
        key, is_index = _key(row[: header.key_columns])
        persons = [_keypoints(row, columns, position) for columns in header.columns]
        yield FrameRecord(
            key, [keypoints for keypoints in persons if np.isfinite(keypoints[:, :2]).all(axis=1).any()], is_index
        )


def names(text: str) -> tuple[str, ...]:
    """Body parts in order."""
    return _header(_rows(text)).parts


def person(record: Any) -> Person:
    """The array that `frames` gives; the format has no score of a whole person."""
    return Person(record)


def _rows(text: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise FieldError("file", "comma-separated values", str(error)) from error


def _header(rows: list[list[str]]) -> _Header:
    titles = [row[0].strip() for row in rows[:_DEEPEST_HEADER]]
    lines = dict(zip(titles, rows, strict=False))
    if not {"bodyparts", "coords"} <= set(lines):
        raise FieldError("header", "the rows bodyparts and coords", titles)
    coords, parts = lines["coords"], lines["bodyparts"]
    individuals = lines.get("individuals", [""] * len(coords))
    if not len(coords) == len(parts) == len(individuals):
        raise FieldError("header", "rows of one length", [len(coords), len(parts), len(individuals)])
    used = [position for position, name in enumerate(coords) if name.strip() in _COORDS]
    if not used:
        raise FieldError("header", "columns x, y and likelihood", coords)
    column_of = {(individuals[position], parts[position], coords[position].strip()): position for position in used}
    names = tuple(dict.fromkeys(parts[position] for position in used if parts[position]))
    persons = tuple(dict.fromkeys(individuals[position] for position in used))
    columns = tuple(
        tuple(tuple(column_of.get((individual, part, axis), -1) for axis in _COORDS) for part in names)
        for individual in persons
    )
    return _Header(names, columns, titles.index("coords") + 1, used[0])


def _key(cells: list[str]) -> tuple[Key | None, bool]:
    text = "/".join(cell.strip() for cell in cells if cell.strip())
    number = as_number(text)
    if isinstance(number, int | float) and math.isfinite(number) and number == int(number) >= 0:
        return int(number), True
    return (text, False) if text else (None, False)


def _keypoints(row: list[str], columns: tuple[tuple[int, ...], ...], position: int) -> FloatArray:
    def cell(column: int, absent: float) -> float:
        text = row[column].strip() if column >= 0 else ""
        try:
            return float(text) if text else absent
        except ValueError as error:
            raise FieldError(f"row {position}", "numbers", text) from error

    return np.array([[cell(x, np.nan), cell(y, np.nan), cell(score, 1.0)] for x, y, score in columns])
