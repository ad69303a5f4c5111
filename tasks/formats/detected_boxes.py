"""Person boxes of a detector, and their reader for COCO results form; `mot.py` reads the form of MOT Challenge."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import FloatArray, IntArray
from tasks.errors import InputError
from tasks.formats.corpus_part import Row
from tasks.formats.errors import FieldError, shown
from tasks.formats.fields import box_xywh, is_absent, names_person, real, whole
from tasks.formats.json_files import load_json


@dataclass(frozen=True)
class DetectedBox:
    """A person box out of a file of detections."""

    image_id: int
    """Id of the picture; in MOT files the frame from 1."""
    box_xywh: list[float]
    score: float


class DetectedBoxes:
    """The person boxes of a file as columns; each is an object only while somebody asks for it.

    Attributes:
        image_id: (N,).
        box_xywh: (N,4) px.
        score: (N,).
    """

    def __init__(self, boxes: Iterable[DetectedBox]) -> None:
        image_id, box_xywh, score = array("q"), array("d"), array("d")
        for box in boxes:
            image_id.append(box.image_id)
            box_xywh.extend(box.box_xywh)
            score.append(box.score)
        self.image_id: IntArray = np.asarray(image_id, dtype=np.int64)
        self.box_xywh: FloatArray = np.asarray(box_xywh, dtype=np.float64).reshape(-1, 4)
        self.score: FloatArray = np.asarray(score, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, at: int) -> DetectedBox:
        return DetectedBox(int(self.image_id[at]), self.box_xywh[at].tolist(), float(self.score[at]))


def read_results(path: Path) -> tuple[DetectedBoxes, list[Row]]:
    """Person boxes of a file in COCO results form, and the rejects in it as rows of location and reason.

    Boxes of a file without any score are certain.

    Raises:
        InputError: the file is not there, not JSON, or no list.
    """
    entries = load_json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path}: expected a list of detections in COCO results form, got {shown(entries)}")
    rejects: list[Row] = []
    return DetectedBoxes(_detected_boxes(entries, rejects)), rejects


def _detected_boxes(entries: Sequence[Any], rejects: list[Row]) -> Iterator[DetectedBox]:
    has_scores = any(isinstance(entry, dict) and not is_absent(entry, "score") for entry in entries)
    for position, entry in enumerate(entries):
        try:
            yield _detected_box(entry, has_scores=has_scores)
        except FieldError as error:
            rejects.append({"location": f"detection {position}", "reason": str(error)})


def unturned_reason(things: str, count: int, *, width: int, height: int) -> str:
    """Why boxes or poses that fit only the picture without its rotation are not used."""
    return (
        f"expected {things} in the picture of {width}x{height} that a person sees, got {count} that fit only "
        f"{height}x{width}, the picture without its rotation; find them in the upright picture"
    )


def _detected_box(entry: Any, *, has_scores: bool) -> DetectedBox:
    if not isinstance(entry, dict):
        raise FieldError("detection", "an object", entry)
    if not is_absent(entry, "category_id") and not names_person(entry):
        raise FieldError("category_id", "1, the person", entry["category_id"])
    score = real(entry, "score") if has_scores else 1.0
    return DetectedBox(whole(entry, "image_id"), box_xywh(entry, "bbox"), score)
