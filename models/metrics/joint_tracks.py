"""The 15 motmetrics accumulators of one sequence, side by side."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics.assignment import solve_most_pairs, unambiguous_matches
from models.metrics.sequence import (
    JOINT_COUNT,
    MATCH_DISTANCE,
    FrameBlock,
    Sequence,
    UndefinedMetricError,
    repeated_rows,
)


class MatchedJoints(NamedTuple):
    """Matched joints of some frames, M of them."""

    joint: IntArray
    """(M,), order POSEVAL_JOINTS."""
    truth_row: IntArray
    """(M,), row of `Sequence.truth`."""
    predicted_row: IntArray
    """(M,), row of `Sequence.predicted`."""
    is_switch: BoolArray
    """(M,), whether the person was last matched to another track."""


@dataclass(frozen=True)
class _Frame:
    """One frame with G annotated and P predicted persons."""

    index: int
    truth_rows: IntArray
    """Row of each annotated person, (G,)."""
    predicted_rows: IntArray
    """Row of each predicted person, (P,)."""
    objects: IntArray
    """Which identity each annotated person is, (G,)."""
    hypotheses: IntArray
    """Which identity each predicted person is, (P,)."""
    has_object: BoolArray
    """(15, G), whether the person has the joint."""
    has_hypothesis: BoolArray
    """(15, P)."""
    distance: FloatArray
    """(15, G, P) in head sizes."""


class JointTracks:
    """Matches and switches of every joint of one sequence.

    Per frame and joint the pairs of the past are kept while they are near, then the rest is paired: most pairs
    first, then least distance. A pair is a switch if the object was last matched to another hypothesis.

    `distance_sum` adds what motmetrics' event table holds: every near pair (matched or not), every match and switch,
    and once more for every ascend, transfer and migrate event that goes with a new pair.
    """

    def __init__(self, sequence: Sequence, two_sided: BoolArray) -> None:
        """Start before the first frame; only frames of `two_sided` (counted frames,) have true persons' joints."""
        self._sequence, self._two_sided = sequence, two_sided
        self._truth_ids, self._truth_index = np.unique(sequence.truth.track_id, return_inverse=True)
        predicted_ids, self._predicted_index = np.unique(sequence.predicted.track_id, return_inverse=True)
        self._partner = np.full((JOINT_COUNT, len(self._truth_ids)), -1)  # last hypothesis of each object
        self._owner = np.full((JOINT_COUNT, len(predicted_ids)), -1)  # object that last got the hypothesis anew
        repeated = repeated_rows(sequence.truth.frame, sequence.truth.track_id)
        self._twice = frozenset(sequence.truth.frame[repeated].tolist())
        self.switches = np.zeros(JOINT_COUNT, np.int64)
        self.detections = np.zeros(JOINT_COUNT, np.int64)
        self.distance_sum = np.zeros(JOINT_COUNT)
        self.matched_distance_sum = np.zeros(JOINT_COUNT)
        self.matches: list[MatchedJoints] = []

    def follow(self, block: FrameBlock) -> None:
        """Take the frames of `block`, the next ones; frames past the counted ones are passed over."""
        distance = block.distance[: max(0, len(self._two_sided) - block.first_frame)]
        near = distance <= MATCH_DISTANCE
        self.distance_sum += np.where(near, distance, 0.0).sum(axis=(0, 2, 3))
        for offset in np.flatnonzero(near.any(axis=(1, 2, 3))):
            frame = self._frame(block, int(offset))
            if frame.index in self._twice:
                for joint in range(JOINT_COUNT):
                    self._advance_one_by_one(frame, joint)
            else:
                self._advance(frame)

    def _frame(self, block: FrameBlock, offset: int) -> _Frame:
        truth = block.truth_rows[offset][block.truth_rows[offset] >= 0]
        predicted = block.predicted_rows[offset][block.predicted_rows[offset] >= 0]
        return _Frame(
            index=block.first_frame + offset,
            truth_rows=truth,
            predicted_rows=predicted,
            objects=self._truth_index[truth],
            hypotheses=self._predicted_index[predicted],
            has_object=self._sequence.truth.present[truth].T,
            has_hypothesis=self._sequence.predicted.present[predicted].T,
            distance=block.distance[offset, :, : len(truth), : len(predicted)],
        )

    def _advance(self, frame: _Frame) -> None:
        near = frame.distance <= MATCH_DISTANCE
        kept = near & (self._partner[:, frame.objects][:, :, None] == frame.hypotheses)
        kept &= kept.cumsum(axis=1) == 1  # two objects may remember one hypothesis: the first takes it
        self.detections += kept.sum(axis=(1, 2))
        self._add_kept(frame, kept)
        rest = near & ~kept.any(axis=1)[:, None, :] & ~kept.any(axis=2)[:, :, None]
        if rest.any():
            self._start(frame, _new_pairs(frame, rest))

    def _start(self, frame: _Frame, new: BoolArray) -> None:
        joints, rows, columns = np.nonzero(new)
        objects, hypotheses = frame.objects[rows], frame.hypotheses[columns]
        partner, owner = self._partner[joints, objects], self._owner[joints, hypotheses]
        switch = (partner >= 0) & (partner != hypotheses)
        transfer = (owner >= 0) & (owner != objects)
        # A hypothesis was matched before exactly if it has an owner, an object exactly if it has a partner.
        events = 1 + (switch & (owner < 0)) + transfer + (transfer & (partner < 0))
        self._partner[joints, objects] = hypotheses
        self._owner[joints, hypotheses] = objects
        distance = frame.distance[joints, rows, columns]
        self.switches += np.bincount(joints[switch], minlength=JOINT_COUNT)
        self.detections += np.bincount(joints, minlength=JOINT_COUNT)
        self.distance_sum += np.bincount(joints, weights=distance * events, minlength=JOINT_COUNT)
        self.matched_distance_sum += np.bincount(joints, weights=distance, minlength=JOINT_COUNT)
        self.matches.append(MatchedJoints(joints, frame.truth_rows[rows], frame.predicted_rows[columns], switch))

    def _add_kept(self, frame: _Frame, pairs: BoolArray) -> None:
        sums = np.where(pairs, frame.distance, 0.0).sum(axis=(1, 2))
        self.distance_sum += sums
        self.matched_distance_sum += sums
        joints, rows, columns = np.nonzero(pairs)
        same = np.zeros(len(joints), dtype=np.bool_)
        self.matches.append(MatchedJoints(joints, frame.truth_rows[rows], frame.predicted_rows[columns], same))

    def _advance_one_by_one(self, frame: _Frame, joint: int) -> None:
        """A frame where an identity is annotated twice: order matters, and motmetrics may end with an error."""
        distance = np.where(frame.distance[joint] <= MATCH_DISTANCE, frame.distance[joint], np.inf)
        kept: BoolArray = np.zeros(distance.shape, dtype=bool)
        for row, thing in enumerate(frame.objects):
            column = np.flatnonzero((frame.hypotheses == self._partner[joint, thing]) & ~kept.any(axis=0))
            kept[row, column] = np.isfinite(distance[row, column])
        kept_of_joint = np.zeros((JOINT_COUNT, *kept.shape), dtype=bool)
        kept_of_joint[joint] = kept
        self.detections[joint] += kept.sum()
        self._add_kept(frame, kept_of_joint)
        rest = np.isfinite(distance) & ~kept.any(axis=0) & ~kept.any(axis=1, keepdims=True)
        for row, column in zip(*_solve_present(frame, joint, rest), strict=True):
            self._refuse_first_repeat(frame, joint, row, column)
            pair = np.zeros_like(kept_of_joint)
            pair[joint, row, column] = True
            self._start(frame, pair)

    def _refuse_first_repeat(self, frame: _Frame, joint: int, row: int, column: int) -> None:
        """motmetrics asks when it last saw an object that changes its hypothesis; it must have seen it before."""
        thing = frame.objects[row]
        if self._partner[joint, thing] in (-1, frame.hypotheses[column]) or self._was_seen(frame.index, joint, thing):
            return
        raise UndefinedMetricError(
            f"{self._sequence.name}: frame {frame.index}, person {row}: expected unique track_id within a frame, "
            f"got {self._truth_ids[thing]:g} twice; the official tool ends with an error"
        )

    def _was_seen(self, frame: int, joint: int, thing: int) -> bool:
        truth = self._sequence.truth
        earlier = np.flatnonzero(truth.frame < frame)
        earlier = earlier[self._two_sided[truth.frame[earlier]]]
        again = (self._truth_index[earlier] == thing) & truth.present[earlier, joint]
        as_dummy = self._truth_ids[thing] == 0 and not self._two_sided[:frame].all()
        return bool(again.any()) or as_dummy


def _new_pairs(frame: _Frame, rest: BoolArray) -> BoolArray:
    chosen, unambiguous = unambiguous_matches(np.where(rest, frame.distance, np.inf))
    for joint in np.flatnonzero(~unambiguous):
        chosen[joint] = False
        chosen[joint][_solve_present(frame, int(joint), rest[joint])] = True
    return chosen


def _solve_present(frame: _Frame, joint: int, rest: BoolArray) -> tuple[IntArray, IntArray]:
    """Rows and columns of the pairs among those of `rest`; the solver sees all who have the joint, as motmetrics'."""
    rows, columns = np.flatnonzero(frame.has_object[joint]), np.flatnonzero(frame.has_hypothesis[joint])
    cost = np.where(rest, frame.distance[joint], np.inf)[np.ix_(rows, columns)]
    picked_rows, picked_columns = solve_most_pairs(cost)
    return rows[picked_rows], columns[picked_columns]
