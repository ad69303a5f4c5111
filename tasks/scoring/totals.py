"""From the sequences' counts to the numbers that are reported."""

from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeVar

from models.arrays import FloatArray
from models.metrics.average_precision import AveragePrecision, Ties, average_precision, find_ties
from models.metrics.clear_mot import ClearMot, MotCounts, clear_mot, no_counts
from models.metrics.hota import HotaCounts, combine, pose_hota
from tasks.scoring.evaluation import SequenceScores

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Totals:
    """Numbers over some sequences; None where the metric is undefined or was not asked for."""

    ap: AveragePrecision | None = None
    ties: Ties | None = None
    mot: ClearMot | None = None
    counts: MotCounts | None = None
    hota: dict[str, FloatArray] | None = None
    corrected_mot: ClearMot | None = None
    corrected_counts: MotCounts | None = None
    corrected_hota: dict[str, FloatArray] | None = None
    problems: dict[str, list[str]] = field(default_factory=dict)
    """Why a metric is undefined, one message per file, by metric: ap, mot, hota."""


def total(scores: Many[SequenceScores], *, skip_undefined: bool = False) -> Totals:
    """Totals over all given sequences.

    Args:
        scores: the sequences, in their order.
        skip_undefined: leave a sequence out of the metrics that it leaves undefined; otherwise they are undefined in
            total, as in the official tools.
    """
    problems: dict[str, list[str]] = {}
    for part in scores:
        for metric, reason in part.problems.items():
            problems.setdefault(metric, []).append(reason)
    evidence = _present([part.evidence for part in scores], skip_undefined)
    counts = _added(_present([part.mot for part in scores], skip_undefined))
    corrected_counts = _added(_present([part.corrected_mot for part in scores], skip_undefined))
    return Totals(
        ap=average_precision(evidence) if evidence else None,
        ties=find_ties(evidence) if evidence else None,
        mot=clear_mot(counts) if counts else None,
        counts=counts,
        hota=_hota(_present([part.hota for part in scores], skip_undefined)),
        corrected_mot=clear_mot(corrected_counts, corrected=True) if corrected_counts else None,
        corrected_counts=corrected_counts,
        corrected_hota=_hota(_present([part.corrected_hota for part in scores], skip_undefined)),
        problems=problems,
    )


def _present(values: Many[_Value | None], skip_undefined: bool) -> list[_Value]:
    """The values that are defined; none at all if one is not and may not be skipped."""
    defined = [value for value in values if value is not None]
    return defined if skip_undefined or len(defined) == len(values) else []


def _added(counts: Many[MotCounts]) -> MotCounts | None:
    return reduce(MotCounts.__add__, counts, no_counts()) if counts else None


def _hota(counts: Many[HotaCounts]) -> dict[str, FloatArray] | None:
    return pose_hota(combine(counts)) if counts else None
