"""Calibration of confidences: a scale and a bias of the logits, and how far probabilities agree with outcomes."""

from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from models.arrays import BoolArray, FloatArray

_LEAST_SCALE: Final = 0.05
"""A positive scale keeps the order of the logits, so that calibration moves no peak."""
_BINS: Final = 10


class Calibration(NamedTuple):
    """Calibrated logits are scale * logit + bias; the scale is the inverse of the usual temperature."""

    scale: float
    bias: float


class ReliabilityBin(NamedTuple):
    """Predictions whose probability lies in one of ten equal intervals.

    Attributes:
        low, high: borders of the interval.
        predictions: their number.
        mean_probability: mean of their probabilities; NaN without predictions.
        share_correct: share of them that is correct; NaN without predictions.
    """

    low: float
    high: float
    predictions: int
    mean_probability: float
    share_correct: float


def fit_calibration(logits: FloatArray, correct: BoolArray) -> Calibration:
    """Choose scale and bias by maximum likelihood of the outcomes, with Platt's smoothed targets (Platt 1999).

    The smoothing keeps both finite where a threshold separates all outcomes.

    Args:
        logits: (N,), at least one.
        correct: (N,) whether the prediction of each logit was correct.
    """
    positives = int(correct.sum())
    negatives = len(correct) - positives
    targets = np.where(correct, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss_and_gradient(weights: FloatArray) -> tuple[float, FloatArray]:
        calibrated = weights[0] * logits + weights[1]
        residual = expit(calibrated) - targets
        loss = float(np.mean(np.logaddexp(0, calibrated) - targets * calibrated))
        return loss, np.array([np.mean(residual * logits), np.mean(residual)])

    fit = minimize(
        loss_and_gradient,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LEAST_SCALE, None), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    return Calibration(float(fit.x[0]), float(fit.x[1]))


def reliability_curve(probabilities: FloatArray, correct: BoolArray) -> list[ReliabilityBin]:
    """Compare probabilities (N,) with outcomes (N,) in ten intervals; N may be 0."""
    bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1)
    curve = []
    for index in range(_BINS):
        inside = bins == index
        means = (probabilities[inside].mean(), correct[inside].mean()) if inside.any() else (np.nan, np.nan)
        curve.append(ReliabilityBin(index / _BINS, (index + 1) / _BINS, int(inside.sum()), *map(float, means)))
    return curve


def calibration_error(curve: list[ReliabilityBin]) -> float:
    """Expected calibration error, 0 to 1: mean distance of probability and share correct; NaN without predictions."""
    filled = [interval for interval in curve if interval.predictions]
    total = sum(interval.predictions for interval in filled)
    distances = [interval.predictions * abs(interval.mean_probability - interval.share_correct) for interval in filled]
    return sum(distances) / total if total else float("nan")
