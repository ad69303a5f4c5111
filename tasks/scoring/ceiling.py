"""The best that any pose network and tracker could reach with the boxes of a run: the true poses in these boxes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray
from models.keypoints import KEYPOINT_COUNT
from tasks.formats.fields import Record

MEANING: Final = "true poses and identities of the persons whom a box of the run overlaps by 0.3 or more (IoU)"
_SMALLEST_OVERLAP: Final = 0.3


def ceiling_document(truth: Record, boxes: Mapping[int, FloatArray]) -> Record:
    """The prediction that has the true pose and identity of each person who has a box, and nothing else.

    Args:
        truth: annotations in PoseTrack18 form.
        boxes: by image id, the boxes x, y, width, height that poses were estimated in, (N, 4).
    """
    persons: dict[int, list[Record]] = defaultdict(list)
    for annotation in truth.get("annotations", []):
        persons[annotation["image_id"]].append(annotation)
    nothing = np.zeros((0, 4))
    seen = [
        _as_prediction(person)
        for image, present in persons.items()
        for person in _with_box(present, boxes.get(image, nothing))
    ]
    return {**truth, "annotations": seen}


def _as_prediction(person: Record) -> Record:
    return {key: value for key, value in person.items() if key != "scores"} | {"scores": [1.0] * KEYPOINT_COUNT}


def _with_box(persons: Sequence[Record], boxes: FloatArray) -> Iterator[Record]:
    """The persons who have a box of their own, the largest overlaps first."""
    if not len(boxes):
        return
    outlines = [_outline(person) for person in persons]
    overlaps = np.array([_overlaps(outline, boxes) for outline in outlines])
    while overlaps.size and overlaps.max() >= _SMALLEST_OVERLAP:
        person, box = np.unravel_index(overlaps.argmax(), overlaps.shape)
        yield persons[int(person)]
        overlaps[person], overlaps[:, box] = -1.0, -1.0


def _outline(person: Mapping[str, Any]) -> FloatArray:
    """x, y, width, height of a person: the annotated box, or that of the annotated keypoints."""
    if person.get("bbox"):
        return np.asarray(person["bbox"], dtype=np.float64)
    points = np.asarray(person.get("keypoints") or np.zeros(KEYPOINT_COUNT * 3), dtype=np.float64).reshape(-1, 3)
    shown = points[points[:, 2] > 0, :2]
    return np.zeros(4) if not len(shown) else np.concatenate([shown.min(axis=0), np.maximum(np.ptp(shown, axis=0), 1)])


def _overlaps(outline: FloatArray, boxes: FloatArray) -> FloatArray:
    low = np.maximum(outline[:2], boxes[:, :2])
    high = np.minimum(outline[:2] + outline[2:], boxes[:, :2] + boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = outline[2:].prod() + boxes[:, 2:].prod(axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9))
