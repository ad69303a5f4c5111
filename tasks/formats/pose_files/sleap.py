"""SLEAP's analysis as csv, and its HDF5 as csv: a row per instance, with x, y and score of each node."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from tasks.formats.errors import FieldError
from tasks.formats.fields import whole
from tasks.formats.pose_files.records import FrameRecord, Person


def recognises(text: str) -> bool:
    """Whether its first line names the columns of the analysis."""
    first = text.split("\n", 1)[0]
    return "frame_idx" in first.split(",") and ".x" in first and ".y" in first


def names(text: str) -> tuple[str, ...]:
    """Nodes in order."""
    header = next(csv.reader([text.split("\n", 1)[0].strip("\r")]), [])
    return tuple(name.removesuffix(".x") for name in header if name.endswith(".x"))


def frames(text: str) -> Iterator[FrameRecord]:
    """The rows of each frame_idx, in the order in which they first occur."""
    gathered: dict[int, list[Any]] = {}
    nodes = names(text)
    try:
        for position, row in enumerate(csv.DictReader(io.StringIO(text))):
            try:
                index = whole(row, "frame_idx")
            except FieldError as error:
                raise FieldError(f"row {position}, frame_idx", "a whole number from 0", row.get("frame_idx")) from error
            gathered.setdefault(index, []).append((nodes, row))
    except csv.Error as error:
        raise FieldError("file", "comma-separated values", str(error)) from error
    return (FrameRecord(index, persons, is_index=True) for index, persons in gathered.items())


def person(record: Any) -> Person:
    """One row; empty cells are missing keypoints, and a node without score has 1."""
    nodes, row = record
    keypoints = [[_cell(row, f"{node}.{field}") for field in ("x", "y", "score")] for node in nodes]
    values = np.array(keypoints)
    values[:, 2] = np.where(np.isnan(values[:, 2]), 1.0, values[:, 2])
    score = _cell(row, "instance.score")
    return Person(values, None if np.isnan(score) else score)


def _cell(row: dict[str, str], name: str) -> float:
    text = (row.get(name) or "").strip()
    try:
        return float(text) if text else float("nan")
    except ValueError as error:
        raise FieldError(name, "a number", text) from error
