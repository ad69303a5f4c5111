"""CLEAR MOT: named scenes with written answers, and parity with motmetrics itself in crowds, ties and repeats."""

from collections.abc import Callable
from typing import Any

import motmetrics
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.clear_mot import clear_mot, count_events, no_counts, one_sided_frames
from models.metrics.sequence import (
    JOINT_COUNT,
    MATCH_DISTANCE,
    Sequence,
    UndefinedMetricError,
    frame_blocks,
    persons_per_frame,
)

SCENES: list[tuple[str, list[Any], dict[str, int]]] = [
    ("one person found", [({1: 0}, {5: 1})] * 3, {"objects": 2, "detections": 2, "false_positives": 0}),
    ("at the threshold", [({1: 0}, {5: 5})] * 3, {"detections": 2}),
    ("beyond the threshold", [({1: 0}, {5: 5.001})] * 3, {"detections": 0, "misses": 2, "false_positives": 2}),
    ("another identity", [({1: 0}, {5: 0}), ({1: 0}, {6: 0}), ({1: 0}, {6: 0})], {"switches": 1, "detections": 2}),
    (
        "a pair is kept although another is nearer",
        [({1: 0}, {5: 0}), ({1: 0}, {5: 4, 6: 0}), ({}, {})],
        {"switches": 0, "false_positives": 1},
    ),
    (
        "the last frame is left out",
        [({1: 0}, {5: 0}), ({1: 0}, {}), ({1: 0}, {5: 99})],
        {"objects": 2, "misses": 1, "false_positives": 1},
    ),
    (
        "nobody predicted is one miss and one false positive",
        [({1: 0, 2: 50}, {}), ({1: 0}, {5: 0})],
        {"objects": 1, "misses": 1, "false_positives": 1},
    ),
    (
        "nobody annotated likewise",
        [({}, {5: 0, 6: 9}), ({1: 0}, {5: 0})],
        {"objects": 1, "misses": 1, "false_positives": 1},
    ),
    (
        "memory outlives a gap",
        [({1: 0}, {5: 0}), ({1: 0}, {6: 90}), ({1: 0}, {6: 0}), ({}, {})],
        {"switches": 1, "misses": 1},
    ),
    ("most pairs before least distance", [({1: 0, 2: 4}, {5: 4, 6: 8}), ({}, {})], {"detections": 2}),
    (
        "two objects remember one hypothesis",
        [({1: 0}, {5: 0}), ({2: 0}, {5: 0}), ({1: 0, 2: 1}, {5: 0}), ({}, {})],
        {"detections": 3, "misses": 1},
    ),
]


@pytest.mark.parametrize(("frames", "answers"), [row[1:] for row in SCENES], ids=[row[0] for row in SCENES])
def test_scene(frames: Any, answers: dict[str, int], make_scene: Callable[..., Sequence]) -> None:
    counts = count_events(make_scene(*frames))
    for name, value in answers.items():
        assert getattr(counts, name).tolist() == [value] * JOINT_COUNT, name


def test_a_clean_match_counts_twice_in_motp(make_scene: Callable[..., Sequence]) -> None:
    counts = count_events(make_scene(*[({1: 0}, {5: 2})] * 3))
    assert clear_mot(counts).motp[0] == pytest.approx(100 - 2 * 20)
    assert clear_mot(counts, corrected=True).motp[0] == pytest.approx(100 - 20)


def test_corrected_counts_take_every_frame_and_every_person(make_scene: Callable[..., Sequence]) -> None:
    sequence = make_scene(({1: 0, 2: 50}, {}), ({}, {5: 0}), ({1: 0}, {5: 0}))
    counts = count_events(sequence, corrected=True)
    assert (counts.objects[0], counts.misses[0], counts.false_positives[0], counts.detections[0]) == (3, 2, 1, 1)
    assert one_sided_frames(sequence) == 2


def test_nothing_annotated_is_undefined_not_zero() -> None:
    result = clear_mot(no_counts())
    assert np.isnan([result.mota[15], result.precision[15], result.recall[15]]).all()
    assert result.motp[15] == 0


@pytest.mark.parametrize("count", [0, 1])
def test_a_sequence_without_a_frame_to_count_is_undefined(count: int, make_scene: Callable[..., Sequence]) -> None:
    with pytest.raises(UndefinedMetricError, match="two annotated frames"):
        count_events(make_scene(*[({1: 0}, {5: 0})] * count))


def by_motmetrics(sequence: Sequence) -> dict[str, list[float]]:
    """Counts of motmetrics' own accumulators, fed as poseval feeds them."""
    accumulators = [motmetrics.MOTAccumulator(auto_id=True) for _ in range(JOINT_COUNT)]
    sides = (sequence.truth, sequence.predicted)
    two_sided = np.all([persons_per_frame(side, sequence.frame_count) > 0 for side in sides], axis=0)
    for block in frame_blocks(sequence):
        for offset in range(min(len(block.distance), sequence.frame_count - 1 - block.first_frame)):
            rows = [grid[offset][grid[offset] >= 0] for grid in (block.truth_rows, block.predicted_rows)]
            for joint, accumulator in enumerate(accumulators):
                if not two_sided[block.first_frame + offset]:
                    accumulator.update([0], [0], [[np.nan]])
                    continue
                has = [np.flatnonzero(side.present[row, joint]) for side, row in zip(sides, rows, strict=True)]
                near = block.distance[offset, joint][np.ix_(*has)]
                ids = [side.track_id[row[inside]] for side, row, inside in zip(sides, rows, has, strict=True)]
                accumulator.update(*ids, np.where(near <= MATCH_DISTANCE, near, np.nan))
    return {name: [counter(it.events) for it in accumulators] for name, counter in COUNTERS.items()}


def number_of(*kinds: str) -> Callable[[Any], int]:
    return lambda events: int(events["Type"].isin(kinds).sum())


COUNTERS: dict[str, Callable[[Any], float]] = {
    "misses": number_of("MISS"),
    "switches": number_of("SWITCH"),
    "false_positives": number_of("FP"),
    "objects": number_of("MATCH", "SWITCH", "MISS"),
    "detections": number_of("MATCH", "SWITCH"),
    "distance_sum": lambda events: float(events["D"].sum()),
}


def assert_equal_to_motmetrics(sequence: Sequence) -> None:
    try:
        expected = by_motmetrics(sequence)
    except KeyError:
        with pytest.raises(UndefinedMetricError, match="unique track_id"):
            count_events(sequence)
        return
    counts = count_events(sequence)
    for name, values in expected.items():
        assert np.allclose(getattr(counts, name), values, rtol=0, atol=1e-9), name


SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=25)


@FEW
@given(seed=SEEDS)
def test_crowds_equal_motmetrics(seed: int, make_random: Callable[..., Sequence]) -> None:
    assert_equal_to_motmetrics(make_random(seed))


@FEW
@given(seed=SEEDS)
def test_equal_distances_are_paired_as_motmetrics_does(seed: int, make_random: Callable[..., Sequence]) -> None:
    assert_equal_to_motmetrics(make_random(seed, crowd=8.0, grid=2.0))


@FEW
@given(seed=SEEDS)
def test_identities_annotated_twice_equal_motmetrics(seed: int, make_random: Callable[..., Sequence]) -> None:
    assert_equal_to_motmetrics(make_random(seed, repeats=True))
