"""Pose-HOTA: named scenes with written answers, and parity with a literal reading of the protocol."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from models.metrics.assignment import solve
from models.metrics.hota import ALPHAS, SCORES, combine, count_hota, pose_hota
from models.metrics.sequence import JOINT_COUNT, Sequence, UndefinedMetricError, joint_distances


def scores(sequence: Sequence, **options: bool) -> dict[str, float]:
    return {name: values[-1] for name, values in pose_hota(combine([count_hota(sequence, **options)])).items()}


def test_perfect_tracks_score_100(make_scene: Callable[..., Sequence]) -> None:
    assert scores(make_scene(*[({1: 10, 2: 90}, {5: 10, 6: 90})] * 4)) == dict.fromkeys(SCORES, 100.0)


SCENES: list[tuple[str, list[Any], dict[str, float]]] = [
    ("half a track", [({1: 9}, {5: 9}), ({1: 9}, {5: 900})] * 2, {"DetA": 100 / 3, "AssA": 100 / 3, "FragA": 100 / 3}),
    ("two halves", [({1: 9}, {5: 9})] * 2 + [({1: 9}, {6: 9})] * 2, {"DetA": 100, "AssA": 50, "FragA": 50}),
    ("to and fro", [({1: 9}, {5: 9}), ({1: 9}, {6: 9})] * 2, {"FragA": 25, "FA-HOTA": 100 * (0.5 * 0.25) ** 0.25}),
    ("a gap does not cut a fragment", [({1: 9}, {5: x}) for x in (9, 999, 9)], {"AssA": 50, "FragA": 50}),
    ("an empty frame costs the whole sequence", [*[({1: 9}, {5: 9})] * 2, ({1: 9}, {})], {"DetRe": 100 * 2 / 5}),
    ("nobody predicted", [({1: 9}, {})] * 3, {"HOTA": 0, "LocA": 100}),
]


@pytest.mark.parametrize(("frames", "answers"), [row[1:] for row in SCENES], ids=[row[0] for row in SCENES])
def test_scene(frames: Any, answers: dict[str, float], make_scene: Callable[..., Sequence]) -> None:
    hota = scores(make_scene(*frames))
    for name, value in answers.items():
        assert hota[name] == pytest.approx(value), name


def test_corrected_an_empty_frame_costs_its_own_joints(make_scene: Callable[..., Sequence]) -> None:
    sequence = make_scene(({1: 9}, {5: 9}), ({1: 9}, {5: 9}), ({1: 9}, {}))
    assert scores(sequence, corrected=True)["DetRe"] == pytest.approx(100 * 2 / 3)


def test_a_distance_that_is_not_a_number_is_refused(make_scene: Callable[..., Sequence]) -> None:
    sequence = make_scene(({1: 9}, {5: 9}), ({1: 9}, {5: 9}))
    sequence.truth.head_size[:] = 0
    with pytest.raises(UndefinedMetricError, match="frame 0, person 0"):
        count_hota(sequence)


def test_the_solver_is_scipys() -> None:
    cost = np.random.default_rng(0).integers(0, 3, (40, 7, 9)).astype(float)
    for matrix in cost:
        assert all(
            (ours == theirs).all() for ours, theirs in zip(solve(matrix), linear_sum_assignment(matrix), strict=True)
        )


def by_the_book(sequence: Sequence, alpha: float) -> dict[str, np.ndarray]:
    """Section 9 of the protocol, frame by frame, for one threshold; each (15,)."""
    truth, predicted = sequence.truth, sequence.predicted
    together: dict[tuple[int, float, float], int] = {}
    fragments: dict[tuple[int, float, float], list[int]] = {}
    last: dict[tuple[int, float], float] = {}
    tp, fn, fp, located = (np.zeros(JOINT_COUNT) for _ in range(4))
    for frame in range(sequence.frame_count):
        rows, columns = np.flatnonzero(truth.frame == frame), np.flatnonzero(predicted.frame == frame)
        if not len(columns):
            fn += truth.present.sum(axis=0)
            continue
        similarity = np.maximum(1 - joint_distances(sequence, rows[None], columns[None])[0] / 0.5001, 0)
        for joint in range(JOINT_COUNT):
            assigned = np.transpose(linear_sum_assignment(-similarity[joint]))
            pairs = [(g, p) for g, p in assigned if similarity[joint, g, p] >= alpha - 2.3e-16]
            tp[joint] += len(pairs)
            fn[joint] += truth.present[rows, joint].sum() - len(pairs)
            fp[joint] += predicted.present[columns, joint].sum() - len(pairs)
            for g, p in pairs:
                key = (joint, truth.track_id[rows[g]], predicted.track_id[columns[p]])
                together[key] = together.get(key, 0) + 1
                located[joint] += similarity[joint, g, p]
                if last.get(key[:2]) != key[2]:
                    fragments.setdefault(key, []).append(0)
                last[key[:2]] = key[2]
                fragments[key][-1] += 1
    if not len(predicted):
        fn = truth.present.sum(axis=0)
    ass, frag = np.zeros(JOINT_COUNT), np.zeros(JOINT_COUNT)
    for (joint, g, p), count in together.items():
        frames = (
            truth.present[truth.track_id == g, joint].sum(),
            predicted.present[predicted.track_id == p, joint].sum(),
        )
        union = sum(frames) - count
        ass[joint] += count * count / max(1, union)
        frag[joint] += sum(part * part for part in fragments[joint, g, p]) / max(1, union)
    matches = np.maximum(1, tp)
    loc = np.maximum(1e-10, located) / np.maximum(1e-10, tp)
    counts = {"true_positives": tp, "false_negatives": fn, "false_positives": fp}
    return counts | {"ass_a": ass / matches, "frag_a": frag / matches, "loc_a": loc}


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), grid=st.sampled_from([0.0, 3.0]))
def test_counts_follow_the_protocol(seed: int, grid: float, make_random: Callable[..., Sequence]) -> None:
    sequence = make_random(seed, grid=grid)
    counts = count_hota(sequence)
    for index in (0, 7, 18):
        for name, values in by_the_book(sequence, ALPHAS[index]).items():
            assert np.allclose(getattr(counts, name)[index, :JOINT_COUNT], values, rtol=0, atol=1e-9), name
