"""Totals of a run as nested metrics (reports/scores.json) and as rows of the table `scores`."""

import math
from collections.abc import Iterator
from collections.abc import Sequence as Many
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray
from tasks.scoring.evaluation import SequenceScores
from tasks.scoring.results import JOINT_NAMES
from tasks.scoring.totals import Totals

COUNTS: Final = ("misses", "switches", "false_positives", "objects", "detections")
"""Metrics that are counts; the others are percentages."""
HEADLINE: Final = ("mAP", "MOTA", "HOTA", "precision", "recall", "id_switches", "misses", "false_positives")
"""The totals that reports/metrics.json holds."""
_TOTALS: Final = {
    **{"mAP": "ap", "MOTA": "mota", "MOTP": "motp", "precision": "precision", "recall": "recall"},
    **{"id_switches": "switches", "misses": "misses", "false_positives": "false_positives", "objects": "objects"},
    **{"HOTA": "hota", "FA-HOTA": "fa_hota", "DetA": "deta", "AssA": "assa", "FragA": "fraga", "LocA": "loca"},
}
"""Names in scores.json, and of the same metric in the table."""
_OF_JOINTS: Final = {
    **{"AP": "ap", "MOTA": "mota", "MOTP": "motp", "precision": "precision", "recall": "recall"},
    "HOTA": "hota",
}


def sequence_counts(scores: Many[SequenceScores]) -> dict[str, int]:
    """Over how many sequences each metric is."""
    return {
        "mAP": sum(part.evidence is not None for part in scores),
        "MOTA": sum(part.mot is not None for part in scores),
        "HOTA": sum(part.hota is not None for part in scores),
    }


def total_metrics(totals: Totals) -> dict[str, int | float | None]:
    """The totals over joints, None where undefined; counts are integers, sums over joints."""
    columns = _columns(totals)
    values = {name: (metric, _plain(columns.get(metric, [math.nan])[-1])) for name, metric in _TOTALS.items()}
    return {
        name: int(value) if metric in COUNTS and value is not None else value
        for name, (metric, value) in values.items()
    }


def metrics_by_joint(totals: Totals) -> dict[str, dict[str, float | None]]:
    """Percentages of every joint."""
    columns, nothing = _columns(totals), np.full(len(JOINT_NAMES), np.nan)
    return {
        joint: {name: _plain(columns.get(metric, nothing)[index]) for name, metric in _OF_JOINTS.items()}
        for index, joint in enumerate(list(JOINT_NAMES.values())[:-1])
    }


def score_rows(tracks: str, scope: str, name: str, totals: Totals) -> Iterator[dict[str, Any]]:
    """Rows of the table `scores`: every metric for every joint and in total."""
    for metric, values in _columns(totals).items():
        for joint, value in zip(JOINT_NAMES.values(), values, strict=True):
            keys = {"tracks": tracks, "metric": metric, "scope": scope, "name": name, "joint": joint}
            yield {**keys, "value": _plain(value)}


def _columns(totals: Totals) -> dict[str, FloatArray]:
    """(16,) values of every metric that is defined, by its name in the table."""
    columns: dict[str, FloatArray] = {}
    if totals.ap is not None:
        columns["ap"] = totals.ap.ap
    if totals.mot is not None and totals.counts is not None:
        columns |= vars(totals.mot)
        for name in COUNTS:
            values = getattr(totals.counts, name).astype(np.float64)
            columns[name] = np.append(values, values.sum())
    if totals.hota is not None:
        columns |= {name.lower().replace("-", "_"): values for name, values in totals.hota.items()}
    return columns


def _plain(value: Any) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number
