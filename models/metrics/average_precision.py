"""Per-joint average precision of multi-person poses, as poseval counts it."""

from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics.sequence import JOINT_COUNT, MATCH_DISTANCE, FrameBlock, Sequence, frame_blocks, mean_of_defined

Order: TypeAlias = Callable[[FloatArray, BoolArray], IntArray]


@dataclass(frozen=True)
class LabelledPredictions:
    """What the curves are drawn from: every predicted joint of some frames, and how many joints are annotated."""

    score: FloatArray
    """(N, 15)."""
    present: BoolArray
    """Which joints are predicted, (N, 15)."""
    is_match: BoolArray
    """Which predicted joints lie on their person's joint, (N, 15)."""
    truth_counts: IntArray
    """Annotated joints, (15,)."""


@dataclass(frozen=True)
class AveragePrecision:
    """Percentages per joint and, last, their mean over the joints that are defined; each (16,)."""

    ap: FloatArray
    precision: FloatArray
    recall: FloatArray


@dataclass(frozen=True)
class Ties:
    """What equal scores leave open: the predictions concerned and the bounds of every AP over all their orders."""

    tied_counts: IntArray
    """Predictions per joint that share their score with one of the other label, (15,)."""
    lowest: FloatArray
    """AP with the false ones first, (16,)."""
    highest: FloatArray
    """AP with the true ones first, (16,)."""


def label_predictions(sequence: Sequence, blocks: Many[FrameBlock] | None = None) -> LabelledPredictions:
    """Assign poses frame by frame and label every predicted joint.

    A prediction belongs to the annotated person of which it matches the largest share of joints, and a person takes
    the best prediction of those that are left to him; nobody gets a second choice. Joints of other predictions, and
    joints that the person lacks, are false.
    """
    is_match = np.zeros((len(sequence.predicted), JOINT_COUNT), dtype=bool)
    for block in frame_blocks(sequence) if blocks is None else blocks:
        if block.truth_rows.shape[1] and block.predicted_rows.shape[1]:
            _label_block(sequence, block, is_match)
    truth_counts = sequence.truth.present.sum(axis=0)
    return LabelledPredictions(sequence.predicted.score, sequence.predicted.present, is_match, truth_counts)


def average_precision(evidence: Many[LabelledPredictions]) -> AveragePrecision:
    """Curves over all given evidence, in its order; poseval's unstable sort decides about equal scores."""
    curves = [_joint_curve(*_joint_evidence(evidence, joint), _order_as_poseval) for joint in range(JOINT_COUNT)]
    with_total = [np.append(column, mean_of_defined(column)) for column in np.array(curves).T]
    return AveragePrecision(*with_total)


def precision_recall(evidence: Many[LabelledPredictions]) -> list[tuple[FloatArray, FloatArray]]:
    """Of each joint recall and precision, 0 to 1, after each prediction from the surest on; (N,) both, N differs."""
    curves = []
    for joint in range(JOINT_COUNT):
        score, is_match, truth_count = _joint_evidence(evidence, joint)
        true_positives = np.cumsum(is_match[_order_as_poseval(score, is_match)]).astype(np.float64)
        precision = true_positives / np.arange(1, len(true_positives) + 1)
        curves.append((true_positives / max(truth_count, 1), precision))
    return curves


def find_ties(evidence: Many[LabelledPredictions]) -> Ties:
    """Where equal scores join true and false predictions, and between which bounds the AP then lies."""
    counts: list[int] = []
    low: list[float] = []
    high: list[float] = []
    for joint in range(JOINT_COUNT):
        score, is_match, truth_count = _joint_evidence(evidence, joint)
        counts.append(_tied_count(score, is_match))
        orders = (_order_false_first, _order_true_first) if counts[-1] else (_order_as_poseval,)
        bounds_of_joint = [_joint_curve(score, is_match, truth_count, order)[0] for order in orders]
        low.append(bounds_of_joint[0])
        high.append(bounds_of_joint[-1])
    bounds = [np.append(values, mean_of_defined(np.array(values))) for values in (low, high)]
    return Ties(np.array(counts, dtype=np.int64), bounds[0], bounds[1])


def _label_block(sequence: Sequence, block: FrameBlock, is_match: BoolArray) -> None:
    match = block.distance <= MATCH_DISTANCE
    share = match.sum(axis=1) / np.maximum(1, _joint_counts(sequence, block.truth_rows))[..., None]
    share[np.broadcast_to((block.truth_rows < 0)[..., None], share.shape)] = -1.0  # the filling is nobody's best
    best = share.argmax(axis=1)
    best_share = np.where(np.arange(share.shape[1])[:, None] == best[:, None, :], share, 0.0)
    best_share[np.broadcast_to((block.predicted_rows < 0)[:, None, :], best_share.shape)] = 0.0
    taken = best_share.argmax(axis=2)
    frames, persons = np.nonzero((best_share.max(axis=2) > 0) & (block.truth_rows >= 0))
    columns = taken[frames, persons]
    is_match[block.predicted_rows[frames, columns]] = match[frames, :, persons, columns]


def _joint_counts(sequence: Sequence, rows: IntArray) -> IntArray:
    counts = sequence.truth.present.sum(axis=1)
    return np.where(rows >= 0, counts[rows], 0)


def _joint_evidence(evidence: Many[LabelledPredictions], joint: int) -> tuple[FloatArray, BoolArray, int]:
    chosen = [part.present[:, joint] for part in evidence]
    score = [part.score[mask, joint] for part, mask in zip(evidence, chosen, strict=True)]
    is_match = [part.is_match[mask, joint] for part, mask in zip(evidence, chosen, strict=True)]
    truth_count = sum(int(part.truth_counts[joint]) for part in evidence)
    return np.concatenate([np.empty(0), *score]), np.concatenate([np.empty(0, bool), *is_match]), truth_count


def _order_as_poseval(score: FloatArray, is_match: BoolArray) -> IntArray:
    return np.argsort(score)[::-1]


def _order_false_first(score: FloatArray, is_match: BoolArray) -> IntArray:
    return np.lexsort((is_match, -score, ~np.isnan(score)))


def _order_true_first(score: FloatArray, is_match: BoolArray) -> IntArray:
    return np.lexsort((~is_match, -score, ~np.isnan(score)))


def _joint_curve(score: FloatArray, is_match: BoolArray, truth_count: int, order: Order) -> tuple[float, float, float]:
    """AP, last precision and last recall in percent."""
    if not score.size:
        return 0.0, 0.0, 0.0
    true_positives = np.cumsum(is_match[order(score, is_match)]).astype(np.float64)
    precision = true_positives / np.arange(1, len(true_positives) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = true_positives / np.float64(truth_count)
    return _area(recall, precision) * 100, precision[-1] * 100, recall[-1] * 100


def _area(recall: FloatArray, precision: FloatArray) -> float:
    """Area under the curve whose precision is made to fall: the sum over every step of recall."""
    envelope = np.concatenate([[0.0], precision, [0.0]])
    envelope = np.maximum.accumulate(envelope[::-1])[::-1]
    steps = np.concatenate([[0.0], recall, [1.0]])
    at = np.flatnonzero(steps[1:] != steps[:-1]) + 1
    return float(np.sum((steps[at] - steps[at - 1]) * envelope[at]))


def _tied_count(score: FloatArray, is_match: BoolArray) -> int:
    if not score.size:
        return 0
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    true_counts = np.bincount(group, weights=is_match)
    mixed = (true_counts > 0) & (true_counts < sizes)
    return int(sizes[mixed].sum())
