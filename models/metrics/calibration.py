"""Calibration of confidences by scale, bias and size of the maps, and how far probabilities agree with outcomes."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from models.arrays import BoolArray, FloatArray

_LEAST_SCALE: Final = 0.05
"""A positive scale keeps the order of the logits, so that calibration moves no peak."""
_BINS: Final = 10


class Calibration(NamedTuple):
    """Calibrated logits are scale * logit + bias + slope * log(cells of the map).

    The scale is the inverse of the usual temperature. The slope is there because the maps S are a softmax over all
    cells of a frame: in larger frames the same certainty has lower peaks.
    """

    scale: float
    bias: float
    slope: float

    def applied(self, logits: FloatArray, cells: FloatArray) -> FloatArray:
        """Calibrate logits (N,) of maps with so many cells (N,)."""
        return self.scale * logits + self.bias + self.slope * np.log(cells)


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions whose probability lies in one of ten equal intervals, from the lowest.

    Attributes:
        predicted: mean of their probabilities; NaN without predictions.
        observed: share of them that is correct; NaN without predictions.
        count: their number.
    """

    predicted: float
    observed: float
    count: int


def fit_calibration(logits: FloatArray, correct: BoolArray, cells: FloatArray) -> Calibration:
    """Choose a calibration by maximum likelihood of the outcomes, with Platt's smoothed targets (Platt 1999).

    The smoothing keeps it finite where a threshold separates all outcomes. With maps of a single size the slope is 0.

    Args:
        logits: (N,), at least one.
        correct: (N,) whether the prediction of each logit was correct.
        cells: (N,) cells of the map of each logit.
    """
    positives = int(correct.sum())
    negatives = len(correct) - positives
    targets = np.where(correct, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    sizes = np.log(cells)
    inputs = np.stack([logits, np.ones_like(logits), sizes - sizes.mean()], axis=1)

    def loss_and_gradient(weights: FloatArray) -> tuple[float, FloatArray]:
        calibrated = inputs @ weights
        residual = expit(calibrated) - targets
        loss = float(np.mean(np.logaddexp(0, calibrated) - targets * calibrated))
        return loss, np.asarray(inputs.T @ residual / len(residual))

    fit = minimize(
        loss_and_gradient,
        np.array([1.0, 0.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LEAST_SCALE, None), (None, None), (None, None) if np.ptp(sizes) > 0 else (0.0, 0.0)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    scale, bias, slope = map(float, fit.x)
    return Calibration(scale, bias - slope * float(sizes.mean()), slope)


def reliability_curve(probabilities: FloatArray, correct: BoolArray) -> list[ReliabilityBin]:
    """Compare probabilities (N,) with outcomes (N,) in ten intervals; N may be 0."""
    bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1)
    curve = []
    for index in range(_BINS):
        inside = bins == index
        predicted, observed = (
            float(values[inside].mean()) if inside.any() else float("nan") for values in (probabilities, correct)
        )
        curve.append(ReliabilityBin(predicted, observed, int(inside.sum())))
    return curve


def calibration_error(curve: list[ReliabilityBin]) -> float:
    """Expected calibration error, 0 to 1: mean distance of probability and share correct; NaN without predictions."""
    filled = [interval for interval in curve if interval.count]
    total = sum(interval.count for interval in filled)
    distances = [interval.count * abs(interval.predicted - interval.observed) for interval in filled]
    return sum(distances) / total if total else float("nan")
