"""Calibrated logits are probabilities: the calibration is recovered, and the curve counts what it says."""

from dataclasses import astuple

import numpy as np
import pytest
from scipy.special import expit, logit

from models.metrics.calibration import Calibration, calibration_error, fit_calibration, reliability_curve

COUNT = 200_000
ONE_SIZE = np.full(COUNT, 1024.0)


def outcomes(truth: Calibration, cells: np.ndarray = ONE_SIZE) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 3, COUNT)
    return logits, rng.random(COUNT) < expit(truth.applied(logits, cells))


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (0.4, 1.5), (2.0, -3.0)])
def test_scale_and_bias_of_the_outcomes_are_recovered(scale, bias):
    fit = fit_calibration(*outcomes(Calibration(scale, bias, 0.0)), ONE_SIZE)
    assert fit == pytest.approx((scale, bias, 0.0), rel=0.03, abs=0.05)
    assert fit.slope == 0.0


def test_the_influence_of_the_size_of_the_maps_is_recovered():
    cells, truth = np.resize([1024.0, 4096.0, 16384.0], COUNT), Calibration(1.2, -7.6, 1.3)
    assert fit_calibration(*outcomes(truth, cells), cells) == pytest.approx(truth, rel=0.03)


def test_calibration_lowers_the_error_of_overconfident_logits():
    logits, correct = outcomes(Calibration(0.3, -1.0, 0.0))
    fit = fit_calibration(logits, correct, ONE_SIZE)
    before, after = (
        calibration_error(reliability_curve(expit(values), correct))
        for values in (logits, fit.applied(logits, ONE_SIZE))
    )
    assert before > 0.15
    assert after < 0.01


def test_lost_keypoints_that_peak_above_the_threshold_fall_below_it():
    """Keypoints that left the picture peak at 0.41, the others at 0.8; the threshold is 0.3."""
    rng = np.random.default_rng(1)
    lost, shown = logit(0.41) + 0.3 * rng.normal(size=300), logit(0.8) + 0.3 * rng.normal(size=900)
    fit = fit_calibration(np.concatenate([lost, shown]), np.repeat([False, True], [300, 900]), np.ones(1200))
    assert np.quantile(expit(fit.scale * lost + fit.bias), 0.9) < 0.3
    assert np.quantile(expit(fit.scale * shown + fit.bias), 0.1) > 0.3


@pytest.mark.parametrize("correct", [[False, False], [True, True], [False, True]])
def test_outcomes_that_a_threshold_separates_give_finite_numbers(correct):
    fit = fit_calibration(np.array([-1.0, 1.0]), np.array(correct), np.ones(2))
    assert np.isfinite(fit).all()


def test_the_order_of_logits_is_kept_even_if_outcomes_contradict_it():
    assert fit_calibration(np.array([-1.0, 1.0, 2.0]), np.array([True, False, False]), np.ones(3)).scale > 0


def test_the_curve_counts_predictions_and_outcomes_by_interval():
    curve = reliability_curve(np.array([0.05, 0.31, 0.39, 1.0]), np.array([False, True, False, True]))
    assert [interval.count for interval in curve] == [1, 0, 0, 2, 0, 0, 0, 0, 0, 1]
    assert astuple(curve[3]) == pytest.approx((0.35, 0.5, 2))
    assert np.isnan(astuple(curve[1])[:2]).all()
    assert calibration_error(curve) == pytest.approx((0.05 + 2 * 0.15 + 0) / 4)


def test_without_predictions_the_curve_is_empty():
    curve = reliability_curve(np.zeros(0), np.zeros(0, dtype=bool))
    assert sum(interval.count for interval in curve) == 0
    assert np.isnan(calibration_error(curve))
