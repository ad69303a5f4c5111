"""Person boxes in MOT Challenge form: frame, id, left, top, width, height, score, ... one a line."""

import configparser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from tasks.errors import InputError, raise_machine_fault
from tasks.formats.corpus_part import Row
from tasks.formats.detected_boxes import DetectedBox, DetectedBoxes
from tasks.formats.errors import FieldError, InWords, shown
from tasks.formats.fields import as_number, box_xywh, real, whole
from tasks.formats.text_files import lines_of, text_of

_PERSON: Final = 1
_NO_SCORE: Final = -1
_COLUMNS_WITH_CLASS: Final = (8, 9)
_COLUMNS_WITH_PLACE: Final = 10
_ABSENT: Final = frozenset({"", -1})
_PERSON_NAMES: Final = frozenset({"person", "pedestrian"})
_FASTEST: Final = 1000.0
"""Frames per second; a larger number is a mistake of the file."""
_FIELDS: Final = ("frame", "id", "left", "top", "width", "height", "score")
_LEAST_FIELDS: Final = _FIELDS[:-1]


def read_detections(path: Path) -> tuple[DetectedBoxes, list[Row]]:
    """Person boxes of a det.txt, and the rejects in it as rows of location and reason.

    `image_id` is the frame's number, from 1. A pixel in MOT files is counted from 1, ours from 0: boxes are shifted.

    Raises:
        InputError: the file is not there, not text, or holds no line that is a detection.
    """
    rejects: list[Row] = []
    others: list[tuple[int, float | str]] = []
    boxes = DetectedBoxes(_persons(_lines(path), rejects, others))
    if rejects and not boxes:
        raise InputError(
            f"{path}: expected lines of {', '.join(_FIELDS)}; {rejects[0]['location']}: {rejects[0]['reason']}"
        )
    if others:
        first = ", ".join(str(number) for number, _ in others[:3])
        categories = ", ".join(sorted({shown(InWords(f"{category}")) for _, category in others}))
        rejects.append(
            {"location": f"line {first}", "reason": f"{len(others)} rows of class {categories}; class 1 is the person"}
        )
    if len(boxes) and (boxes.score == _NO_SCORE).all():  # which says that the file has no scores
        boxes.score[:] = 1.0
    return boxes, rejects


def _persons(lines: Iterable[str], rejects: list[Row], others: list[tuple[int, float | str]]) -> Iterator[DetectedBox]:
    """The boxes of persons; adds broken lines to `rejects`, and line and class of other things to `others`."""
    for number, line in enumerate(lines, start=1):
        if not line.strip() or _is_no_row(line):
            continue
        try:
            box, category = _detected_box(line)
        except ValueError as error:
            rejects.append({"location": f"line {number}", "reason": str(error)})
            continue
        if category in (None, _PERSON):
            yield box
        else:
            others.append((number, category))


@dataclass(frozen=True)
class TrueBoxes:
    """N boxes with identities."""

    frame: IntArray
    """(N,) from 0."""
    identity: IntArray
    """(N,)."""
    box_xywh: FloatArray
    """(N,4) px."""


def read_true_boxes(path: Path) -> TrueBoxes:
    """Annotated persons of a gt.txt; rows of score 0 and of other classes than 1 are not considered, as MOT has it.

    Raises:
        InputError: the file is not text, a line is no box, an identity occurs twice in a frame, or there is no person.
    """
    rows = list(_true_rows(path))
    if not rows:
        raise InputError(f"{path}: expected annotated persons in MOT form (score not 0; class 1, if any), got none")
    frame, identity = (np.array([row[column] for row in rows], dtype=np.int64) for column in (0, 1))
    keys, counts = np.unique(np.stack([frame, identity], axis=1), axis=0, return_counts=True)
    if counts.max() > 1:
        at, twice = keys[counts.argmax()].tolist()
        raise InputError(f"{path}: expected an identity once in a frame, got {twice} twice in frame {at + 1}")
    return TrueBoxes(frame, identity, np.array([row[2] for row in rows]))


def _true_rows(path: Path) -> Iterator[tuple[int, int, list[float]]]:
    """Frame from 0, identity, and box of each person."""
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or _is_no_row(line):
            continue
        try:
            box, category = _detected_box(line)
            identity = real({"id": as_number(_columns(line)[1])}, "id")
            if box.image_id < 1 or not identity.is_integer() or identity < 0:
                raise FieldError("frame, id", "whole numbers from 1 and from 0", [box.image_id, identity])
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}") from error
        if box.score != 0 and category in (None, _PERSON):
            yield box.image_id - 1, int(identity), box.box_xywh


def _lines(path: Path) -> Iterator[str]:
    try:
        return lines_of(text_of(path))
    except (OSError, ValueError) as error:
        raise_machine_fault(error)
        raise InputError(f"{path}: expected boxes in MOT form, got {error}") from error


def _is_no_row(line: str) -> bool:
    """Whether it is a comment, or names columns."""
    return line.lstrip().startswith("#") or line.strip(' "').lower().startswith(_FIELDS[0])


def _columns(line: str) -> list[str]:
    """Cells of a line in any of the usual separators; beside semicolons and tabs a comma is a decimal point.

    A cell without text counts, except at the end of the line.
    """
    text = line.strip(" \r\n")
    separator = next((mark for mark in (";", "\t", ",") if mark in text), None)
    if separator not in {",", None}:
        text = text.replace(",", ".")
    cells = [cell.strip(' \t"') for cell in text.split(separator)]
    return cells[: next((at for at in range(len(cells), 0, -1) if cells[at - 1]), 0)]


def _detected_box(line: str) -> tuple[DetectedBox, float | str | None]:
    """The box, and its class where the line has one."""
    values = _columns(line)
    if len(values) < len(_LEAST_FIELDS):
        raise FieldError("line", f"at least {len(_LEAST_FIELDS)} numbers ({', '.join(_LEAST_FIELDS)})", line)
    record = dict(zip(_FIELDS, map(as_number, values), strict=False))
    frame = whole(record, "frame")
    left, top, *sides = (real(record, name) for name in _FIELDS[2:6])
    box = box_xywh({"box": [left - 1, top - 1, *sides]}, "box")
    score = float(_NO_SCORE) if record.get("score", "") == "" else real(record, "score")
    return DetectedBox(frame, box, score), _category(values)


def _category(values: list[str]) -> float | str | None:
    """The class of a row: its eighth column, as in MOT16's ground truth, unless it begins a place in the world."""
    *_, category, y, z = (as_number(cell) for cell in [*values, "", "", ""][:10])
    is_class = len(values) in _COLUMNS_WITH_CLASS or (len(values) == _COLUMNS_WITH_PLACE and {y, z} <= _ABSENT)
    if not is_class or category in _ABSENT:
        return None
    return _PERSON if str(category).lower() in _PERSON_NAMES else category


def frames_per_second(folder: Path) -> float | None:
    """Frame rate that the folder's seqinfo.ini states; None where there is none or it cannot be read."""
    reader = configparser.ConfigParser(interpolation=None)
    try:
        reader.read_string(text_of(folder / "seqinfo.ini"))
        return plausible_rate(float(Fraction(reader.get("Sequence", "frameRate").strip())))
    except (configparser.Error, ValueError, ArithmeticError, OSError) as error:
        raise_machine_fault(error)
        return None


def plausible_rate(rate: float) -> float | None:
    """Frames per second as they are; None for what no camera takes, such as infinity or a clock's ticks."""
    return rate if 0 < rate <= _FASTEST else None
