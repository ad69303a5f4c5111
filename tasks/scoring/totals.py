"""From the sequences' counts to the numbers that are reported."""

from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from functools import reduce

from models.keypoints import FloatArray
from models.metrics.average_precision import AveragePrecision, Ties, average_precision, find_ties
from models.metrics.clear_mot import ClearMot, MotCounts, clear_mot, no_counts
from models.metrics.hota import HotaCounts, combine, pose_hota
from tasks.scoring.evaluation import SequenceScores


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


def total(scores: Many[SequenceScores]) -> Totals:
    """Totals over all given sequences; a metric is undefined if it is in one of them, as in the official tools."""
    problems: dict[str, list[str]] = {}
    for part in scores:
        for metric, reason in part.problems.items():
            problems.setdefault(metric, []).append(reason)
    evidence = [part.evidence for part in scores if part.evidence is not None]
    whole = bool(scores) and len(evidence) == len(scores)
    counts = _added([part.mot for part in scores])
    corrected_counts = _added([part.corrected_mot for part in scores])
    return Totals(
        ap=average_precision(evidence) if whole else None,
        ties=find_ties(evidence) if whole else None,
        mot=clear_mot(counts) if counts else None,
        counts=counts,
        hota=_hota([part.hota for part in scores]),
        corrected_mot=clear_mot(corrected_counts, corrected=True) if corrected_counts else None,
        corrected_counts=corrected_counts,
        corrected_hota=_hota([part.corrected_hota for part in scores]),
        problems=problems,
    )


def _added(counts: Many[MotCounts | None]) -> MotCounts | None:
    defined = [part for part in counts if part is not None]
    return reduce(MotCounts.__add__, defined, no_counts()) if defined and len(defined) == len(counts) else None


def _hota(counts: Many[HotaCounts | None]) -> dict[str, FloatArray] | None:
    defined = [part for part in counts if part is not None]
    return pose_hota(combine(defined)) if defined and len(defined) == len(counts) else None
