"""COCO's keypoint average precision, by pycocotools."""

import contextlib
import io
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from models.arrays import FloatArray
from models.keypoints import COCO_KEYPOINTS
from tasks.training.job import Metrics
from tasks.training.persons import AnnotatedPersons


def oks_ap(persons: AnnotatedPersons, xy: FloatArray, scores: FloatArray) -> Metrics:
    """OKS AP in 0..1 of one pose per annotated person, in COCO's order.

    Args:
        persons: N persons as annotated.
        xy: (N,17,2) estimated keypoints in pixels of the pictures.
        scores: (N,17) in 0..1.

    Returns:
        oks_ap (mean over OKS 0.50 to 0.95) and oks_ap_50.
    """
    numbers = {name: index for index, name in enumerate(sorted(set(persons.image_id)), start=1)}
    images = [numbers[name] for name in persons.image_id]
    truth, results = COCO(), [_result(images[row], xy[row], scores[row]) for row in range(len(persons))]
    truth.dataset = {
        "images": [{"id": number} for number in numbers.values()],
        "annotations": [_annotation(row, images[row], persons) for row in range(len(persons))],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_KEYPOINTS)}],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {"oks_ap": float(evaluation.stats[0]), "oks_ap_50": float(evaluation.stats[1])}


def _annotation(row: int, image: int, persons: AnnotatedPersons) -> dict[str, Any]:
    flags = 2 * persons.labelled[row].astype(int)
    keypoints = np.column_stack([persons.x[row], persons.y[row], flags])
    return {
        "id": row + 1,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "area": float(persons.area[row]),
        "bbox": persons.box_xywh[row].tolist(),
        "num_keypoints": int(persons.labelled[row].sum()),
        "keypoints": keypoints.reshape(-1).tolist(),
    }


def _result(image: int, xy: FloatArray, scores: FloatArray) -> dict[str, Any]:
    keypoints = np.column_stack([xy, scores]).reshape(-1).tolist()
    return {"image_id": image, "category_id": 1, "keypoints": keypoints, "score": float(scores.mean())}
