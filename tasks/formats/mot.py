"""Person detections in MOT Challenge form: frame, id, left, top, width, height, score, ... one a line."""

import configparser
from pathlib import Path
from typing import Final

from tasks.errors import InputError
from tasks.formats.corpus_part import Row
from tasks.formats.detected_boxes import DetectedBox
from tasks.formats.errors import FieldError
from tasks.formats.fields import box_xywh, real

_FIELDS: Final = ("frame", "id", "left", "top", "width", "height", "score")


def read_detections(path: Path) -> tuple[list[DetectedBox], list[Row]]:
    """Person boxes of a det.txt, and what was set aside in it as rows of place and reason.

    `image_id` is the frame's number, from 1. A pixel in MOT files is counted from 1, ours from 0: boxes are shifted.

    Raises:
        InputError: the file is not there, not text, or holds no line that is a detection.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected detections in MOT form, got {error}") from error
    boxes: list[DetectedBox] = []
    rejects: list[Row] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            boxes.append(_detected_box(line))
        except ValueError as error:
            rejects.append({"place": f"line {number}", "reason": str(error)})
    if rejects and not boxes:
        raise InputError(
            f"{path}: expected lines of {', '.join(_FIELDS)}; {rejects[0]['place']}: {rejects[0]['reason']}"
        )
    return boxes, rejects


def _detected_box(line: str) -> DetectedBox:
    values = line.replace(",", " ").split()
    if len(values) < len(_FIELDS):
        raise FieldError("line", f"at least {len(_FIELDS)} numbers ({', '.join(_FIELDS)})", line)
    record = dict(zip(_FIELDS, map(_number, values), strict=False))
    frame = real(record, "frame")
    if frame < 1 or not frame.is_integer():
        raise FieldError("frame", "a whole number from 1", frame)
    left, top, *sides = (real(record, name) for name in _FIELDS[2:6])
    box = box_xywh({"box": [left - 1, top - 1, *sides]}, "box")
    return DetectedBox(int(frame), box, real(record, "score"))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def frames_per_second(folder: Path) -> float | None:
    """Frame rate that the folder's seqinfo.ini tells; None where there is none or it cannot be read."""
    reader = configparser.ConfigParser()
    try:
        reader.read(folder / "seqinfo.ini", encoding="utf-8")
        rate = reader.getfloat("Sequence", "frameRate")
    except (configparser.Error, ValueError, UnicodeDecodeError):
        return None
    return rate if rate > 0 else None
