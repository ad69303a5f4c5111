"""Pose-HOTA of PoseTrack21: detection, association and fragmentation of every joint at 19 thresholds."""

from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics.assignment import clear_best_pairs, solve, unambiguous_matches
from models.metrics.sequence import (
    JOINT_COUNT,
    FrameBlock,
    Sequence,
    UndefinedMetricError,
    frame_blocks,
    persons_per_frame,
)

ALPHAS: Final = np.arange(0.05, 0.99, 0.05)
_THRESHOLDS: Final = ALPHAS - np.finfo(np.float64).eps
_ZERO_SIMILARITY_DISTANCE: Final = 0.5001
_FLOOR: Final = 1e-10
SCORES: Final = (
    *("HOTA", "DetA", "AssA", "FragA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA"),
    *("RHOTA", "FA-HOTA", "FA-RHOTA"),
)
"""What is reported, in PoseTrack21's order."""


@dataclass(frozen=True)
class HotaCounts:
    """Sums and means of one or more sequences, each (19 thresholds, 16); column 15 is the total over joints."""

    true_positives: FloatArray
    false_negatives: FloatArray
    false_positives: FloatArray
    ass_a: FloatArray
    ass_re: FloatArray
    ass_pr: FloatArray
    frag_a: FloatArray
    loc_a: FloatArray


_FIELDS: Final = tuple(HotaCounts.__dataclass_fields__)


@dataclass(frozen=True)
class _Pairs:
    """All similar pairs of one sequence that were matched, one entry per frame, joint and pair."""

    frame: IntArray
    joint: IntArray
    truth: IntArray
    """Row of the annotated person."""
    predicted: IntArray
    """Row of the predicted person."""
    similarity: FloatArray


def count_hota(sequence: Sequence, blocks: Many[FrameBlock] | None = None, *, corrected: bool = False) -> HotaCounts:
    """Match one sequence's joints frame by frame and weigh their tracks.

    A frame without predicted persons costs as many misses as the whole sequence has joints. Corrected, it costs the
    joints of the frame, and a frame without annotated persons likewise.

    Args:
        sequence: the labelled frames; joints right of and below the origin are present.
        blocks: its `frame_blocks`, if they are at hand.
        corrected: see above.

    Raises:
        UndefinedMetricError: a distance is not a number, which the official assignment refuses.
    """
    pairs = _matched_pairs(sequence, frame_blocks(sequence) if blocks is None else blocks)
    level = np.searchsorted(_THRESHOLDS, pairs.similarity, side="right")  # matched at the first `level` thresholds
    true_positives = _by_threshold(pairs.joint, level, JOINT_COUNT).T
    misses, false_alarms = _unmatched(sequence, true_positives, corrected=corrected)
    association = _associations(sequence, pairs, level, true_positives)
    located = _by_threshold(pairs.joint, level, JOINT_COUNT, pairs.similarity).T
    loc_a = np.maximum(_FLOOR, located) / np.maximum(_FLOOR, true_positives)
    sums = [np.append(part, part.sum(axis=1, keepdims=True), axis=1) for part in (true_positives, misses, false_alarms)]
    means = [np.append(part, part.mean(axis=1, keepdims=True), axis=1) for part in (*association, loc_a)]
    return HotaCounts(**dict(zip(_FIELDS, [*sums, *means], strict=True)))


def combine(counts: Many[HotaCounts]) -> HotaCounts:
    """All sequences together: counts are added, the means are weighted by true positives, the total column too."""
    added = {name: np.sum([getattr(part, name) for part in counts], axis=0) for name in _FIELDS[:3]}
    true_positives = added["true_positives"]
    weighted = {
        name: np.sum([getattr(part, name) * part.true_positives for part in counts], axis=0) for name in _FIELDS[3:]
    }
    loc_a = np.maximum(_FLOOR, weighted.pop("loc_a")) / np.maximum(_FLOOR, true_positives)
    return HotaCounts(
        **added, **{name: total / np.maximum(1.0, true_positives) for name, total in weighted.items()}, loc_a=loc_a
    )


def pose_hota(counts: HotaCounts) -> dict[str, FloatArray]:
    """Percentages by name, per joint and, last, the total of the counts' column 15; each (16,)."""
    return {name: 100 * value.mean(axis=0) for name, value in _scores(counts).items()}


def pose_hota_of_sequence(counts: HotaCounts) -> dict[str, FloatArray]:
    """The same for a single sequence, where PoseTrack21's total is the plain mean over the joints."""
    joints = {name: 100 * value[:, :JOINT_COUNT].mean(axis=0) for name, value in _scores(counts).items()}
    return {name: np.append(value, value.mean()) for name, value in joints.items()}


def _scores(counts: HotaCounts) -> dict[str, FloatArray]:
    hits, misses, ghosts = counts.true_positives, counts.false_negatives, counts.false_positives
    det_re, det_pr = hits / np.maximum(1, hits + misses), hits / np.maximum(1, hits + ghosts)
    det_a = hits / np.maximum(1, hits + misses + ghosts)
    whole = np.sqrt(counts.ass_a * counts.frag_a)
    values = (
        *(np.sqrt(det_a * counts.ass_a), det_a, counts.ass_a, counts.frag_a, det_re, det_pr),
        *(counts.ass_re, counts.ass_pr, counts.loc_a, np.sqrt(det_re * counts.ass_a)),
        *(np.sqrt(det_a * whole), np.sqrt(det_re * whole)),
    )
    return dict(zip(SCORES, values, strict=True))


def _matched_pairs(sequence: Sequence, blocks: Iterable[FrameBlock]) -> _Pairs:
    nothing = np.empty(0, np.int64)
    parts = [_Pairs(nothing, nothing, nothing, nothing, np.empty(0)), *(_block_pairs(sequence, b) for b in blocks)]
    names = _Pairs.__dataclass_fields__
    return _Pairs(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _block_pairs(sequence: Sequence, block: FrameBlock) -> _Pairs:
    similarity = np.maximum((-1 / _ZERO_SIMILARITY_DISTANCE) * block.distance + 1, 0)
    _refuse_nan(sequence, block, similarity)
    frames, joints, truths, predictions = similarity.shape
    flat = similarity.reshape(frames * joints, truths, predictions)
    chosen, unambiguous = unambiguous_matches(np.where(flat > 0, -flat, np.inf))
    for matrix in np.flatnonzero(~unambiguous):
        persons = block.truth_rows[matrix // joints] >= 0, block.predicted_rows[matrix // joints] >= 0
        gain = flat[matrix][np.ix_(*persons)]
        chosen[matrix] = False
        chosen[matrix][clear_best_pairs(gain) or solve(-gain)] = True
    frame, joint, row, column = np.nonzero((chosen & (flat > 0)).reshape(similarity.shape))
    return _Pairs(
        frame=block.first_frame + frame,
        joint=joint,
        truth=block.truth_rows[frame, row],
        predicted=block.predicted_rows[frame, column],
        similarity=similarity[frame, joint, row, column],
    )


def _refuse_nan(sequence: Sequence, block: FrameBlock, similarity: FloatArray) -> None:
    if not np.isnan(similarity).any():
        return
    frame, joint, row, _ = np.argwhere(np.isnan(similarity))[0]
    person = int(row)
    raise UndefinedMetricError(
        f"{sequence.name}: frame {block.first_frame + int(frame)}, person {person}: expected a head box with a "
        f"diagonal and finite joints, got a distance that is not a number at joint {int(joint)}"
    )


def _by_threshold(group: IntArray, level: IntArray, groups: int, weights: FloatArray | None = None) -> FloatArray:
    """Sums per group at every threshold, (groups, 19): an entry of level n counts at the first n thresholds."""
    cells = np.bincount(group * (len(ALPHAS) + 1) + level, weights, minlength=groups * (len(ALPHAS) + 1))
    by_level = cells.reshape(groups, len(ALPHAS) + 1).astype(np.float64)
    return np.cumsum(by_level[:, ::-1], axis=1)[:, ::-1][:, 1:]


def _unmatched(sequence: Sequence, true_positives: FloatArray, *, corrected: bool) -> tuple[FloatArray, FloatArray]:
    """False negatives and false positives, (19, 15) each."""
    truth, predicted = sequence.truth, sequence.predicted
    truth_joints, predicted_joints = truth.present.sum(axis=0), predicted.present.sum(axis=0)
    if not len(predicted) or corrected:
        return truth_joints - true_positives, predicted_joints - true_positives
    empty = persons_per_frame(predicted, sequence.frame_count) == 0
    in_answered = truth.present[~empty[truth.frame]].sum(axis=0)
    return in_answered + empty.sum() * truth_joints - true_positives, predicted_joints - true_positives


def _associations(
    sequence: Sequence, pairs: _Pairs, level: IntArray, true_positives: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """AssA, AssRe, AssPr and FragA per threshold and joint, (19, 15) each."""
    truth_track, truth_frames = _frames_of_tracks(sequence.truth.track_id, sequence.truth.present)
    predicted_track, predicted_frames = _frames_of_tracks(sequence.predicted.track_id, sequence.predicted.present)
    truth, predicted = truth_track[pairs.truth], predicted_track[pairs.predicted]
    keys = (pairs.joint * (truth_frames.shape[0] + 1) + truth) * (predicted_frames.shape[0] + 1) + predicted
    _, first, pair_of = np.unique(keys, return_index=True, return_inverse=True)
    joint = pairs.joint[first]
    of_truth = truth_frames[truth[first], joint][:, None]
    of_predicted = predicted_frames[predicted[first], joint][:, None]
    together = _by_threshold(pair_of, level, len(first))
    union = np.maximum(1, of_truth + of_predicted - together)
    weights = together / union, together / np.maximum(1, of_truth), together / np.maximum(1, of_predicted)
    matches = np.maximum(1, true_positives)
    ass = [_sum_by_joint(joint, together * weight) / matches for weight in weights]
    runs = _squared_runs(pairs, truth, pair_of, level, len(first))
    return ass[0], ass[1], ass[2], _sum_by_joint(joint, runs / union) / matches


def _frames_of_tracks(track_id: FloatArray, present: BoolArray) -> tuple[IntArray, FloatArray]:
    """Which track each person is of, (N,), and in how many frames each track has each joint, (tracks, 15)."""
    ids, track = np.unique(track_id, return_inverse=True)
    frames = np.zeros((len(ids), JOINT_COUNT))
    np.add.at(frames, track, present)
    return track, frames


def _sum_by_joint(joint: IntArray, values: FloatArray) -> FloatArray:
    sums = np.zeros((JOINT_COUNT, len(ALPHAS)))
    np.add.at(sums, joint, values)
    return sums.T


def _squared_runs(pairs: _Pairs, truth: IntArray, pair_of: IntArray, level: IntArray, count: int) -> FloatArray:
    """For every pair of tracks the sum of its squared fragment lengths, (pairs, 19).

    A fragment ends when the annotated track is next matched to another track at the same threshold; frames without
    a match do not end it.
    """
    order = np.lexsort((pairs.frame, truth, pairs.joint))
    pair_of, level = pair_of[order], level[order]
    sums = np.zeros((count, len(ALPHAS)))
    for alpha in range(len(ALPHAS)):
        followed = pair_of[level > alpha]
        starts = np.flatnonzero(np.append(True, followed[1:] != followed[:-1])[: len(followed)])
        lengths = np.diff(np.append(starts, len(followed))).astype(np.float64)
        sums[:, alpha] = np.bincount(followed[starts], lengths**2, minlength=count)
    return sums
