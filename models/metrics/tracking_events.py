"""The single events that CLEAR MOT counts: which joint of whom is missed, switched or false, and in which frame."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics.joint_tracks import JointTracks, MatchedJoints
from models.metrics.sequence import JOINT_COUNT, Sequence, SequencePersons, frame_blocks, persons_per_frame

EventKind = Literal["miss", "switch", "false positive"]
EVENT_KINDS: Final[tuple[EventKind, ...]] = ("miss", "switch", "false positive")


@dataclass(frozen=True)
class TrackingEvents:
    """N events of one sequence, sorted by kind, frame, joint and position."""

    kind: IntArray
    """(N,), index into EVENT_KINDS."""
    frame: IntArray
    """(N,)."""
    joint: IntArray
    """(N,), order POSEVAL_JOINTS."""
    person: FloatArray
    """(N,), annotated identity; NaN for a false positive."""
    track: FloatArray
    """(N,), predicted identity; NaN for a miss."""
    xy: FloatArray
    """(N, 2), px: the annotated joint, or the predicted one of a false positive."""

    def __len__(self) -> int:
        return len(self.kind)


def tracking_events(sequence: Sequence) -> TrackingEvents:
    """Follow every joint through a sequence; the last frame counts, and one-sided frames count the joints they hold.

    These are the events of `count_events(sequence, corrected=True)`, one by one.

    Raises:
        UndefinedMetricError: an identity is annotated twice in the frame where it first occurs and both are matched.
    """
    truth, predicted = sequence.truth, sequence.predicted
    both = persons_per_frame(truth, sequence.frame_count) > 0
    both &= persons_per_frame(predicted, sequence.frame_count) > 0
    tracks = JointTracks(sequence, both)
    for block in frame_blocks(sequence):
        tracks.follow(block)
    matched = _joined(tracks.matches)
    missed = _unmatched(truth, matched.truth_row, matched.joint)
    false = _unmatched(predicted, matched.predicted_row, matched.joint)
    switched = np.flatnonzero(matched.is_switch)
    rows, joints = matched.truth_row[switched], matched.joint[switched]
    nobody = np.full(len(missed[0]), np.nan), np.full(len(false[0]), np.nan)
    return _sorted(
        TrackingEvents(
            kind=np.repeat(np.arange(3), [len(missed[0]), len(rows), len(false[0])]),
            frame=np.concatenate([truth.frame[missed[0]], truth.frame[rows], predicted.frame[false[0]]]),
            joint=np.concatenate([missed[1], joints, false[1]]),
            person=np.concatenate([truth.track_id[missed[0]], truth.track_id[rows], nobody[1]]),
            track=np.concatenate(
                [nobody[0], predicted.track_id[matched.predicted_row[switched]], predicted.track_id[false[0]]]
            ),
            xy=np.concatenate([truth.xy[missed], truth.xy[rows, joints], predicted.xy[false]]),
        )
    )


def new_events(events: TrackingEvents, others: TrackingEvents, kind: EventKind, *, radius_px: float) -> IntArray:
    """Rows of the events of `kind` that have no counterpart among `others`.

    A counterpart has the same kind, frame and joint, and is of the same annotated person. False positives, which are
    of nobody, are counterparts within `radius_px`; each serves one event only, nearest first.
    """
    rows, candidates = (np.flatnonzero(part.kind == EVENT_KINDS.index(kind)) for part in (events, others))
    if kind != "false positive":
        known = set(zip(*_keys(others, candidates), strict=True))
        keys = zip(*_keys(events, rows), strict=True)
        return rows[[key not in known for key in keys]] if len(rows) else rows
    taken = _paired(events, rows, others, candidates, radius_px)
    return rows[~taken]


def _keys(events: TrackingEvents, rows: IntArray) -> tuple[list[int], list[int], list[float]]:
    return events.frame[rows].tolist(), events.joint[rows].tolist(), events.person[rows].tolist()


def _paired(
    events: TrackingEvents, rows: IntArray, others: TrackingEvents, candidates: IntArray, radius_px: float
) -> BoolArray:
    """Whether each of `rows` has a false positive of the others near it, (len(rows),)."""
    has_counterpart = np.zeros(len(rows), dtype=np.bool_)
    groups, other_groups = _frame_and_joint(events, rows), _frame_and_joint(others, candidates)
    for group in set(groups.tolist()) & set(other_groups.tolist()):
        ours, theirs = np.flatnonzero(groups == group), np.flatnonzero(other_groups == group)
        offset = events.xy[rows[ours]][:, None] - others.xy[candidates[theirs]][None]
        distance = np.hypot(offset[..., 0], offset[..., 1])
        while distance.min() <= radius_px:
            row, column = np.unravel_index(int(distance.argmin()), distance.shape)
            has_counterpart[ours[row]] = True
            distance[row], distance[:, column] = np.inf, np.inf
    return has_counterpart


def _frame_and_joint(events: TrackingEvents, rows: IntArray) -> IntArray:
    return events.frame[rows] * JOINT_COUNT + events.joint[rows]


def _joined(parts: list[MatchedJoints]) -> MatchedJoints:
    nothing = np.zeros(0, dtype=np.int64)
    none = MatchedJoints(nothing, nothing, nothing, np.zeros(0, dtype=np.bool_))
    return MatchedJoints(*(np.concatenate(columns) for columns in zip(none, *parts, strict=True)))


def _unmatched(persons: SequencePersons, rows: IntArray, joints: IntArray) -> tuple[IntArray, IntArray]:
    """Rows and joints of one side that are there and matched to nothing."""
    rest = persons.present.copy()
    rest[rows, joints] = False
    unmatched_rows, unmatched_joints = np.nonzero(rest)
    return unmatched_rows, unmatched_joints


def _sorted(events: TrackingEvents) -> TrackingEvents:
    order = np.lexsort((events.xy[:, 1], events.xy[:, 0], events.joint, events.frame, events.kind))
    columns = {name: getattr(events, name)[order] for name in events.__dataclass_fields__}
    return TrackingEvents(**columns)
