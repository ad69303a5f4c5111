"""How far the totals of a run would move with other videos of the same kind: a bootstrap over its videos."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from models.metrics.clear_mot import no_counts
from models.metrics.hota import HotaCounts, combine, pose_hota
from tasks.scoring.evaluation import SequenceScores
from tasks.tracker_evaluation.measures import Metric, measure_of
from tasks.tracker_evaluation.metrics import VideoScore

CONFIDENCE: Final = 0.95
_TOTALS: Final[dict[str, Metric]] = {
    **{"mAP": "mAP", "MOTA": "MOTA", "id_switches": "IDSW"},
    **{"misses": "misses", "false_positives": "false positives"},
}
"""Names in metrics.json, and of the measure."""


def intervals(parts: Sequence[SequenceScores], *, resamples: int, seed: int) -> dict[str, list[float]]:
    """Bounds of the 95 % bootstrap interval of each total, by its name in metrics.json.

    A metric that fewer than two videos define has none, nor has one that no draw defines.

    Args:
        parts: scores of the videos of the run.
        resamples: draws.
        seed: of the draws.
    """
    scored = [part for part in parts if part.evidence is not None]
    scores = [VideoScore(part.evidence, part.mot or no_counts()) for part in scored if part.evidence is not None]
    draws = _draws(len(scores), resamples, seed)
    values = {
        name: np.array([measure_of(metric, scores)(draw)[-1] for draw in draws]) for name, metric in _TOTALS.items()
    }
    hota = [part.hota for part in parts if part.hota is not None]
    values["HOTA"] = np.array([_hota(hota, draw) for draw in _draws(len(hota), resamples, seed)])
    return {name: bounds for name, drawn in values.items() if (bounds := _bounds(drawn))}


def _draws(count: int, resamples: int, seed: int) -> IntArray:
    return np.random.default_rng(seed).integers(0, count, (resamples if count > 1 else 0, max(count, 1)))


def _hota(counts: Sequence[HotaCounts], draw: IntArray) -> float:
    return float(pose_hota(combine([counts[number] for number in draw]))["HOTA"][-1])


def _bounds(values: FloatArray) -> list[float]:
    """Both bounds; empty where no value is defined."""
    known = values[~np.isnan(values)] if len(values) else values
    rest = (1 - CONFIDENCE) / 2
    return [float(bound) for bound in np.quantile(known, [rest, 1 - rest])] if len(known) else []
