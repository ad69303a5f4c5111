"""The paired bootstrap on differences whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics.paired_bootstrap import PairedDifference, paired_bootstrap


def run(values, sizes, *, resamples=400, seed=3, confidence=0.95, trainings=None):
    values = np.asarray(values, float)
    return paired_bootstrap(
        sizes,
        lambda videos: float(values[videos].mean()),
        resamples=resamples,
        generator=np.random.default_rng(seed),
        confidence=confidence,
        trainings=trainings,
    )


def test_equal_differences_leave_nothing_to_chance():
    difference = run([2.0] * 6, [2, 4])
    assert difference == PairedDifference((2.0, 2.0), 2.0, 2.0, 2.0)
    assert difference.verdict == "shown"


def test_the_mean_is_of_the_corpora_not_of_the_videos():
    difference = run([1, 1, 1, 9], [3, 1])
    assert difference.by_corpus == (1, 9)
    assert difference.mean == 5


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 2.0, "shown"),
        (-2.0, -0.1, "opposite"),
        (-0.1, 2.0, "not shown"),
        (0.0, 1.0, "not shown"),
        (float("nan"), float("nan"), "not shown"),
    ],
)
def test_only_an_interval_without_zero_decides(low, high, verdict):
    assert PairedDifference((), (low + high) / 2, low, high).verdict == verdict


def test_the_interval_has_the_width_of_the_normal_law():
    draw = np.random.default_rng(8)
    values = draw.normal(1.0, 2.0, 400)
    difference = run(values, [80] * 5, resamples=4000)
    half_width = 1.96 * values.std() / np.sqrt(400)
    assert difference.low == pytest.approx(values.mean() - half_width, abs=0.03)
    assert difference.high == pytest.approx(values.mean() + half_width, abs=0.03)


def test_in_nineteen_of_twenty_worlds_the_truth_lies_inside():
    draw = np.random.default_rng(4)
    worlds = (run(draw.normal(0.0, 1.0, 40), [8] * 5, seed=world) for world in range(200))
    inside = sum(difference.low <= 0 <= difference.high for difference in worlds)
    assert 0.89 <= inside / 200 <= 0.99


def test_what_one_training_decides_is_not_shown():
    by_training = [4.0] * 20 + [-0.5] * 20
    assert run(by_training, [20, 20]).verdict == "shown"
    drawn = run(by_training, [20, 20], trainings=[1, 2])
    assert (drawn.low, drawn.high) == (-0.5, 4)
    assert drawn.verdict == "not shown"


def test_corpora_of_one_training_are_drawn_together():
    difference = run([1, 1, 9, 9, 5], [2, 2, 1], trainings=[1, 1, 1])
    assert difference == run([1, 1, 9, 9, 5], [2, 2, 1])


def test_what_is_undefined_is_passed_over():
    difference = paired_bootstrap(
        [1, 1],
        lambda videos: float("nan") if 0 in videos else 3.0,
        resamples=50,
        generator=np.random.default_rng(1),
    )
    assert np.isnan(difference.by_corpus[0])
    assert (difference.mean, difference.low, difference.high) == (3, 3, 3)
    nothing = paired_bootstrap([2], lambda videos: float("nan"), resamples=5, generator=np.random.default_rng(1))
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()
    assert nothing.verdict == "not shown"


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12), st.integers(0, 1000))
def test_swapping_the_methods_turns_the_sign(values, seed):
    plain, swapped = (run(sign * np.array(values), [len(values)], resamples=30, seed=seed) for sign in (1, -1))
    assert (swapped.mean, swapped.low, swapped.high) == pytest.approx((-plain.mean, -plain.high, -plain.low))


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(2).normal(size=16)
    assert run(values, [8, 8]) == run(values, [8, 8])
    assert run(values, [8, 8], seed=4) != run(values, [8, 8])
