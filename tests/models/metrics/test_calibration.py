"""Calibrated logits are probabilities: scale and bias are recovered, and the curve counts what it says."""

import numpy as np
import pytest
from scipy.special import expit, logit

from models.metrics.calibration import calibration_error, fit_calibration, reliability_curve


def outcomes(scale: float, bias: float, count: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 3, count)
    return logits, rng.random(count) < expit(scale * logits + bias)


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (0.4, 1.5), (2.0, -3.0)])
def test_scale_and_bias_of_the_outcomes_are_recovered(scale, bias):
    fit = fit_calibration(*outcomes(scale, bias))
    assert fit.scale == pytest.approx(scale, rel=0.03)
    assert fit.bias == pytest.approx(bias, abs=0.05)


def test_calibration_lowers_the_error_of_overconfident_logits():
    logits, correct = outcomes(0.3, -1.0)
    fit = fit_calibration(logits, correct)
    before, after = (
        calibration_error(reliability_curve(expit(values), correct))
        for values in (logits, fit.scale * logits + fit.bias)
    )
    assert before > 0.15
    assert after < 0.01


def test_lost_keypoints_that_peak_above_the_threshold_fall_below_it():
    """Keypoints that left the picture peak at 0.41, the others at 0.8; the threshold is 0.3."""
    rng = np.random.default_rng(1)
    lost, shown = logit(0.41) + 0.3 * rng.normal(size=300), logit(0.8) + 0.3 * rng.normal(size=900)
    fit = fit_calibration(np.concatenate([lost, shown]), np.repeat([False, True], [300, 900]))
    assert np.quantile(expit(fit.scale * lost + fit.bias), 0.9) < 0.3
    assert np.quantile(expit(fit.scale * shown + fit.bias), 0.1) > 0.3


@pytest.mark.parametrize("correct", [[False, False], [True, True], [False, True]])
def test_outcomes_that_a_threshold_separates_give_finite_numbers(correct):
    fit = fit_calibration(np.array([-1.0, 1.0]), np.array(correct))
    assert np.isfinite(fit).all()


def test_the_order_of_logits_is_kept_even_if_outcomes_contradict_it():
    assert fit_calibration(np.array([-1.0, 1.0, 2.0]), np.array([True, False, False])).scale > 0


def test_the_curve_counts_predictions_and_outcomes_by_interval():
    curve = reliability_curve(np.array([0.05, 0.31, 0.39, 1.0]), np.array([False, True, False, True]))
    assert [interval.predictions for interval in curve] == [1, 0, 0, 2, 0, 0, 0, 0, 0, 1]
    assert curve[3][:2] == (0.3, 0.4)
    assert curve[3][3:] == pytest.approx((0.35, 0.5))
    assert np.isnan(curve[1][3:]).all()
    assert calibration_error(curve) == pytest.approx((0.05 + 2 * 0.15 + 0) / 4)


def test_without_predictions_the_curve_is_empty():
    curve = reliability_curve(np.zeros(0), np.zeros(0, dtype=bool))
    assert sum(interval.predictions for interval in curve) == 0
    assert np.isnan(calibration_error(curve))
