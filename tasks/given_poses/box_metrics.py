"""CLEAR MOT and IDF1 of boxes, by the field's own package."""

from collections.abc import Sequence
from typing import Final

import motmetrics
import numpy as np

from models.poses.boxes import iou, xywh_to_xyxy
from tasks.formats.mot import TrueBoxes

IOU: Final = 0.5
"""Boxes that overlap less are no match."""
_NAMES: Final = {
    "IDSW": "num_switches",
    "IDF1": "idf1",
    "MOTA": "mota",
    "misses": "num_misses",
    "false positives": "num_false_positives",
}
_SHARES: Final = ("IDF1", "MOTA")


def box_metrics(truth: TrueBoxes, answered: TrueBoxes, frames: Sequence[int]) -> dict[str, float | int | None]:
    """Metrics of tracked boxes over some frames, percent and counts; None where nothing is annotated."""
    events = motmetrics.MOTAccumulator(auto_id=True)
    for frame in frames:
        here, there = (np.flatnonzero(side.frame == frame) for side in (truth, answered))
        overlap = iou(xywh_to_xyxy(truth.box_xywh[here]), xywh_to_xyxy(answered.box_xywh[there]))
        distance = np.where(overlap >= IOU, 1 - overlap, np.nan)
        events.update(truth.identity[here], answered.identity[there], distance)
    metrics = motmetrics.metrics.create().compute(events, metrics=list(_NAMES.values()), name="tracks")
    values = {name: float(metrics[column].iloc[0]) for name, column in _NAMES.items()}
    return {name: _rounded(name, value) for name, value in values.items()}


def _rounded(name: str, value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    return round(100 * value, 2) if name in _SHARES else int(value)
