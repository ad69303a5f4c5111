"""Average precision: named scenes with written answers, and parity with a literal reading of the protocol."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.average_precision import LabelledPredictions, average_precision, find_ties, label_predictions
from models.metrics.sequence import JOINT_COUNT, MATCH_DISTANCE, Sequence, joint_distances

SCENES: list[tuple[str, list[Any], float]] = [
    ("everybody found", [({1: 0, 2: 50}, {5: 0, 6: 50})], 100.0),
    ("half of them found", [({1: 0, 2: 50}, {5: 0})], 50.0),
    ("nobody predicted", [({1: 0}, {})], 0.0),
    ("no second choice: two poses want one person", [({1: 0, 2: 4}, {5: 0, 6: 0})], 50.0),
    ("nobody annotated", [({}, {5: 0}), ({1: 0}, {6: 0})], 100.0 / 2),
]


@pytest.mark.parametrize(("frames", "answer"), [row[1:] for row in SCENES], ids=[row[0] for row in SCENES])
def test_scene(frames: Any, answer: float, make_scene: Callable[..., Sequence]) -> None:
    sequence = make_scene(*frames)
    sequence.predicted.score[:] = np.arange(len(sequence.predicted), 0, -1)[:, None]
    ap = average_precision([label_predictions(sequence)]).ap
    assert ap[-1] == pytest.approx(answer)


def evidence(scores: list[float], matches: list[bool], truth: int) -> LabelledPredictions:
    """The same predictions for every joint."""
    shape = (len(scores), JOINT_COUNT)
    columns = [np.broadcast_to(np.array(values)[:, None], shape) for values in (scores, matches)]
    return LabelledPredictions(columns[0].astype(float), np.ones(shape, bool), columns[1], np.full(JOINT_COUNT, truth))


@pytest.mark.parametrize(
    ("scores", "matches", "truth", "answer"),
    [
        ([0.9, 0.8, 0.7], [True, False, True], 2, 100 * (0.5 + 0.5 * 2 / 3)),
        ([0.7, 0.8, 0.9], [True, False, True], 2, 100 * (0.5 + 0.5 * 2 / 3)),
        ([0.9, 0.8], [False, True], 1, 50.0),
        ([float("nan"), 0.8], [False, True], 1, 50.0),  # NaN sorts before all others
        ([0.9], [False], 0, float("nan")),
    ],
)
def test_curve(scores: list[float], matches: list[bool], truth: int, answer: float) -> None:
    result = average_precision([evidence(scores, matches, truth)])
    assert result.ap[0] == pytest.approx(answer, nan_ok=True)


def test_ties_are_bounded_by_the_two_extreme_orders() -> None:
    tied = evidence([0.5, 0.5, 0.5, 0.1], [True, False, True, True], 3)
    ties = find_ties([tied])
    low, high = 100 * 3 * (3 / 4) / 3, 100 * (2 / 3 + 1 / 3 * 3 / 4)
    assert ties.tied_counts.tolist() == [3] * JOINT_COUNT
    assert (ties.lowest[0], ties.highest[0]) == (pytest.approx(low), pytest.approx(high))
    assert low <= average_precision([tied]).ap[0] <= high


def test_ties_of_one_label_leave_nothing_open() -> None:
    assert find_ties([evidence([0.5, 0.5, 0.1], [True, True, False], 2)]).tied_counts.sum() == 0


def labels_by_the_book(sequence: Sequence) -> np.ndarray:
    """Section 5.1 of the protocol, word by word, person by person."""
    truth, predicted = sequence.truth, sequence.predicted
    labels = np.zeros((len(predicted), JOINT_COUNT), dtype=bool)
    for frame in range(sequence.frame_count):
        rows, columns = np.flatnonzero(truth.frame == frame), np.flatnonzero(predicted.frame == frame)
        if not len(rows) or not len(columns):
            continue
        match = joint_distances(sequence, rows[None], columns[None])[0] <= MATCH_DISTANCE
        joints = np.maximum(1, truth.present[rows].sum(axis=1))
        share = match.sum(axis=0).T / joints
        for pose in range(len(columns)):
            share[pose, np.arange(len(rows)) != share[pose].argmax()] = 0
        for person in range(len(rows)):
            pose = int(share[:, person].argmax())
            if share[pose, person] > 0:
                labels[columns[pose]] = match[:, person, pose]
    return labels


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), grid=st.sampled_from([0.0, 3.0]))
def test_labels_follow_the_protocol(seed: int, grid: float, make_random: Callable[..., Sequence]) -> None:
    sequence = make_random(seed, grid=grid)
    labels = label_predictions(sequence)
    assert (labels.is_match == labels_by_the_book(sequence)).all()
    assert (labels.truth_counts == sequence.truth.present.sum(axis=0)).all()
