"""What every metric reads: the persons of one sequence, annotated and predicted, and their joint distances."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.keypoints import POSEVAL_JOINTS

JOINT_COUNT: Final = len(POSEVAL_JOINTS)
MATCH_DISTANCE: Final = 0.5
"""Largest distance of a match, in head sizes (PCKh)."""
HEAD_SIZE: Final = 0.6
"""The head size, as a share of the head box's diagonal."""
MISSING_SCORE: Final = -9999.0
"""Score of a predicted joint whose file has none."""
_BLOCK_CELLS: Final = 1 << 19


class UndefinedMetricError(ValueError):
    """The official evaluator ends with an error here, so there is no official number."""


@dataclass(frozen=True)
class SequencePersons:
    """One side of a sequence: N persons in frame order, within a frame in file order."""

    frame: IntArray
    """Frame of each person, (N,), never decreasing."""
    track_id: FloatArray
    """Identity, (N,); any numbers."""
    xy: FloatArray
    """Joint positions in pixels, (N, 15, 2), order POSEVAL_JOINTS; what absent joints hold is never read."""
    present: BoolArray
    """Which joints the person has, (N, 15)."""
    score: FloatArray
    """Joint scores, (N, 15); MISSING_SCORE where the file has none; not read of annotated persons."""
    head_size: FloatArray
    """HEAD_SIZE of the head box's diagonal in pixels, (N,); not read of predicted persons."""

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True)
class Sequence:
    """The frames of one sequence that a metric sees."""

    name: str
    frame_count: int
    truth: SequencePersons
    predicted: SequencePersons


@dataclass(frozen=True)
class FrameBlock:
    """Some successive frames with both kinds of persons laid out in a grid; G and P are the largest counts in it."""

    first_frame: int
    truth_rows: IntArray
    """Rows of `Sequence.truth`, (F, G); -1 fills up."""
    predicted_rows: IntArray
    """Rows of `Sequence.predicted`, (F, P); -1 fills up."""
    distance: FloatArray
    """Joint distance in head sizes, (F, 15, G, P); infinite where either side lacks the joint, NaN stays NaN."""


def persons_per_frame(persons: SequencePersons, frame_count: int) -> IntArray:
    """Number of persons in each frame, (frame_count,)."""
    return np.bincount(persons.frame, minlength=frame_count).astype(np.int64)


def repeated_rows(frame: IntArray, track_id: FloatArray | IntArray) -> IntArray:
    """Rows whose identity an earlier row of the same frame has already, ascending."""
    order = np.lexsort((track_id, frame))
    frame, track_id = frame[order], track_id[order]
    same = (frame[1:] == frame[:-1]) & (track_id[1:] == track_id[:-1])
    return np.sort(order[1:][same])


def frame_blocks(sequence: Sequence) -> Iterator[FrameBlock]:
    """Walk a sequence in blocks of bounded size, so that memory grows with the block and not with the sequence."""
    truth_counts = persons_per_frame(sequence.truth, sequence.frame_count)
    predicted_counts = persons_per_frame(sequence.predicted, sequence.frame_count)
    most = int(truth_counts.max(initial=1)) * int(predicted_counts.max(initial=1)) * JOINT_COUNT
    step = max(1, _BLOCK_CELLS // max(1, most))
    truth_starts = np.concatenate([[0], np.cumsum(truth_counts)])
    predicted_starts = np.concatenate([[0], np.cumsum(predicted_counts)])
    for first in range(0, sequence.frame_count, step):
        frames = slice(first, min(first + step, sequence.frame_count))
        truth_rows = _grid(truth_starts[frames], truth_counts[frames])
        predicted_rows = _grid(predicted_starts[frames], predicted_counts[frames])
        distance = joint_distances(sequence, truth_rows, predicted_rows)
        yield FrameBlock(first, truth_rows, predicted_rows, distance)


def shared_blocks(sequence: Sequence) -> list[FrameBlock] | None:
    """The blocks of a sequence to walk more than once; None where they are too large to be kept: walk it anew."""
    first = next(frame_blocks(sequence), None)
    if first is None:
        return []
    return [first] if len(first.truth_rows) == sequence.frame_count else None


def joint_distances(sequence: Sequence, truth_rows: IntArray, predicted_rows: IntArray) -> FloatArray:
    """Distances in head sizes of all pairs of a grid, (F, 15, G, P); see `FrameBlock.distance`."""
    truth, predicted = sequence.truth, sequence.predicted
    if not truth_rows.size or not predicted_rows.size:
        return np.empty((len(truth_rows), JOINT_COUNT, truth_rows.shape[1], predicted_rows.shape[1]))
    truth_xy = truth.xy[truth_rows].transpose(0, 2, 1, 3)[:, :, :, None, :]
    predicted_xy = predicted.xy[predicted_rows].transpose(0, 2, 1, 3)[:, :, None, :, :]
    has_truth = truth.present[truth_rows] & (truth_rows >= 0)[..., None]
    has_predicted = predicted.present[predicted_rows] & (predicted_rows >= 0)[..., None]
    both = has_truth.transpose(0, 2, 1)[..., None] & has_predicted.transpose(0, 2, 1)[:, :, None, :]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        offset = truth_xy - predicted_xy
        # vecdot rounds exactly as numpy's norm does, which decides about distances on the threshold.
        distance = np.sqrt(np.vecdot(offset, offset)) / truth.head_size[truth_rows][:, None, :, None]
    return np.where(both, distance, np.inf)


def _grid(starts: IntArray, counts: IntArray) -> IntArray:
    columns = np.arange(counts.max(initial=0))
    return np.where(columns < counts[:, None], starts[:, None] + columns, -1)


def mean_of_defined(values: FloatArray) -> float:
    """Plain mean without the NaN entries; NaN if nothing is left."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
