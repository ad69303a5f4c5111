"""CLEAR MOT per joint, as poseval counts it with one motmetrics accumulator per sequence and joint."""

from collections.abc import Sequence as Many
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics.joint_tracks import JointTracks
from models.metrics.sequence import (
    JOINT_COUNT,
    FrameBlock,
    Sequence,
    SequencePersons,
    UndefinedMetricError,
    frame_blocks,
    mean_of_defined,
    persons_per_frame,
)


@dataclass(frozen=True)
class MotCounts:
    """Events of one or more sequences, each (15,)."""

    misses: IntArray
    switches: IntArray
    false_positives: IntArray
    objects: IntArray
    detections: IntArray
    """Matches and switches."""
    distance_sum: FloatArray
    """Head sizes, summed over all rows of motmetrics' event table (see `JointTracks`)."""
    matched_distance_sum: FloatArray
    """Head sizes, summed once over the matched pairs."""

    def __add__(self, other: "MotCounts") -> "MotCounts":
        return MotCounts(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class ClearMot:
    """Percentages per joint and, last, their mean over the joints that are defined; each (16,)."""

    mota: FloatArray
    motp: FloatArray
    precision: FloatArray
    recall: FloatArray


def no_counts() -> MotCounts:
    """Counts of nothing at all."""
    whole, real = np.zeros(JOINT_COUNT, np.int64), np.zeros(JOINT_COUNT)
    return MotCounts(whole, whole, whole, whole, whole, real, real)


def count_events(sequence: Sequence, blocks: Many[FrameBlock] | None = None, *, corrected: bool = False) -> MotCounts:
    """Follow every joint through one sequence.

    Poseval leaves out the last frame, and in a frame without persons on one side it counts one miss and one false
    positive of every joint, whatever the persons on the other side. Corrected, the last frame counts and one-sided
    frames count the joints they hold.

    Args:
        sequence: frames after poseval's clean-up.
        blocks: its `frame_blocks`, if they are at hand.
        corrected: see above.

    Raises:
        UndefinedMetricError: no frame is left to count, or an identity is annotated twice in the frame where it
            first occurs and both are matched.
    """
    counted = sequence.frame_count if corrected else sequence.frame_count - 1
    if counted < 1:
        raise UndefinedMetricError(
            f"{sequence.name}: CLEAR MOT needs two annotated frames or more, got {sequence.frame_count}; "
            "the official tool leaves out the last frame of every sequence"
        )
    two_sided = _two_sided(sequence)[:counted]
    tracks = JointTracks(sequence, two_sided)
    for block in frame_blocks(sequence) if blocks is None else blocks:
        tracks.follow(block)
    used = np.ones(counted, dtype=bool) if corrected else two_sided
    dummies = int((~used).sum())
    objects = _joints_in(sequence.truth, used) + dummies
    hypotheses = _joints_in(sequence.predicted, used) + dummies
    return MotCounts(
        misses=objects - tracks.detections,
        switches=tracks.switches,
        false_positives=hypotheses - tracks.detections,
        objects=objects,
        detections=tracks.detections,
        distance_sum=tracks.distance_sum,
        matched_distance_sum=tracks.matched_distance_sum,
    )


def one_sided_frames(sequence: Sequence) -> int:
    """Frames before the last in which only one side, or none, has persons."""
    return int((~_two_sided(sequence)[:-1]).sum())


def clear_mot(counts: MotCounts, *, corrected: bool = False) -> ClearMot:
    """MOTA, MOTP, precision and recall per joint; totals are plain means over joints, never pooled.

    Args:
        counts: sums over the sequences.
        corrected: MOTP from every matched pair once, undefined (NaN) without pairs, instead of poseval's sum.
    """
    distance_sum = counts.matched_distance_sum if corrected else counts.distance_sum
    errors, detections = counts.misses + counts.switches + counts.false_positives, counts.detections
    with np.errstate(invalid="ignore", divide="ignore"):
        objects = np.where(counts.objects > 0, counts.objects, np.nan)
        answers = np.where(detections + counts.false_positives > 0, detections + counts.false_positives, np.nan)
        motp = np.where(detections == 0, np.nan if corrected else 0.0, 100 * (1 - distance_sum / detections))
        columns = 100 * (1 - errors / objects), motp, 100 * (detections / answers), 100 * (detections / objects)
    return ClearMot(*(np.append(column, mean_of_defined(column)) for column in columns))


def _two_sided(sequence: Sequence) -> BoolArray:
    truth_counts = persons_per_frame(sequence.truth, sequence.frame_count)
    return (truth_counts > 0) & (persons_per_frame(sequence.predicted, sequence.frame_count) > 0)


def _joints_in(persons: SequencePersons, used: BoolArray) -> IntArray:
    counted = np.append(used, False)[np.minimum(persons.frame, len(used))]
    joints: IntArray = persons.present[counted].sum(axis=0)
    return joints
