"""Single events: they add up to CLEAR MOT's counts, and those of two trackers are distinguished."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.clear_mot import count_events
from models.metrics.sequence import JOINT_COUNT, Sequence
from models.metrics.tracking_events import EVENT_KINDS, TrackingEvents, new_events, tracking_events


def rows_of(events: TrackingEvents) -> list[tuple[str, int, float, float]]:
    """Kind, frame, person and track of the events of the first joint; -1 for nobody."""
    first = np.flatnonzero(events.joint == 0)
    return [
        (
            EVENT_KINDS[events.kind[row]],
            int(events.frame[row]),
            *(-1.0 if np.isnan(part[row]) else float(part[row]) for part in (events.person, events.track)),
        )
        for row in first
    ]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([({1: 0}, {5: 0}), ({1: 0}, {5: 0})], []),
        ([({1: 0}, {5: 0}), ({1: 0}, {6: 0})], [("switch", 1, 1, 6)]),
        ([({1: 0}, {5: 0}), ({1: 0}, {5: 90})], [("miss", 1, 1, -1), ("false positive", 1, -1, 5)]),
        ([({1: 0}, {}), ({}, {5: 0})], [("miss", 0, 1, -1), ("false positive", 1, -1, 5)]),
        (
            [({1: 0}, {5: 0}), ({1: 0}, {6: 90}), ({1: 0}, {6: 0})],
            [("miss", 1, 1, -1), ("switch", 2, 1, 6), ("false positive", 1, -1, 6)],
        ),
    ],
)
def test_scene(frames, expected, make_scene: Callable[..., Sequence]) -> None:
    assert rows_of(tracking_events(make_scene(*frames))) == expected


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40)
def test_events_add_up_to_the_counts(seed: int, make_random: Callable[..., Sequence]) -> None:
    sequence = make_random(seed)
    counts, events = count_events(sequence, corrected=True), tracking_events(sequence)
    for kind, number in (
        ("miss", counts.misses),
        ("switch", counts.switches),
        ("false positive", counts.false_positives),
    ):
        of_kind = events.joint[events.kind == EVENT_KINDS.index(kind)]
        assert np.bincount(of_kind, minlength=JOINT_COUNT).tolist() == number.tolist(), kind


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_nothing_is_new_beside_itself_and_all_is_new_beside_nothing(seed: int, make_random) -> None:
    events, nothing = tracking_events(make_random(seed)), tracking_events(make_random(seed))
    nothing = TrackingEvents(*(getattr(nothing, name)[:0] for name in nothing.__dataclass_fields__))
    for kind in EVENT_KINDS:
        assert len(new_events(events, events, kind, radius_px=0.0)) == 0
        total = int((events.kind == EVENT_KINDS.index(kind)).sum())
        assert len(new_events(events, nothing, kind, radius_px=5.0)) == total


@pytest.mark.parametrize(("x", "is_new"), [(90, False), (94, False), (97, True)])
def test_a_false_positive_is_known_by_its_location(x, is_new, make_scene: Callable[..., Sequence]) -> None:
    ours = tracking_events(make_scene(({1: 0}, {1: 0, 5: x})))
    theirs = tracking_events(make_scene(({1: 0}, {1: 0, 8: 90})))
    assert len(new_events(ours, theirs, "false positive", radius_px=5.0)) == (JOINT_COUNT if is_new else 0)


def test_one_false_positive_is_the_counterpart_of_one(make_scene: Callable[..., Sequence]) -> None:
    ours = tracking_events(make_scene(({1: 0}, {1: 0, 5: 90, 6: 91})))
    theirs = tracking_events(make_scene(({1: 0}, {1: 0, 8: 90})))
    new = new_events(ours, theirs, "false positive", radius_px=5.0)
    assert set(ours.track[new]) == {6.0}
