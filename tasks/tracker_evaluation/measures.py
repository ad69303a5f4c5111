"""Metrics as functions of a set of videos, for resampling: poseval's AP, CLEAR MOT and its counts."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Final, Literal

import numpy as np

from models.arrays import FloatArray, IntArray
from models.metrics.average_precision import average_precision
from models.metrics.clear_mot import MotCounts, clear_mot
from tasks.tracker_evaluation.metrics import VideoScore

Metric = Literal["mAP", "MOTA", "IDSW", "misses", "false positives"]
Measure = Callable[[IntArray], FloatArray]
"""Videos by number, some perhaps several times, to the metric of each joint and, last, of all; (16,)."""

METRICS: Final[tuple[Metric, ...]] = ("mAP", "MOTA", "IDSW", "misses", "false positives")
FEWER_IS_BETTER: Final = ("IDSW", "misses", "false positives")
_COUNTS: Final = {"IDSW": "switches", "misses": "misses", "false positives": "false_positives"}


def measure_of(metric: Metric, scores: Sequence[VideoScore]) -> Measure:
    """The metric over any of the videos with these scores; counts are summed over joints in the last entry."""
    if metric == "mAP":
        return lambda videos: average_precision([scores[video].evidence for video in videos]).ap
    names = [field.name for field in fields(MotCounts)]
    columns = {name: np.stack([getattr(score.counts, name) for score in scores]) for name in names}
    if metric == "MOTA":
        return lambda videos: clear_mot(MotCounts(**{name: columns[name][videos].sum(0) for name in names})).mota
    return lambda videos: _with_sum(columns[_COUNTS[metric]][videos].sum(0))


def _with_sum(counts: IntArray) -> FloatArray:
    return np.append(counts, counts.sum()).astype(np.float64)
