"""Calibration of the refined maps on held-out pairs at several frame sizes, and the reliability of their peaks.

The prediction of a peak is correct when the keypoint is shown and lies within 2 cells of it. So a calibrated peak is
the probability of that; a keypoint that left the picture is never correct.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, cast

import numpy as np
import torch
from scipy.special import expit

from models.arrays import BoolArray, FloatArray
from models.metrics.calibration import Calibration, calibration_error, fit_calibration, reliability_curve
from models.networks.backbone import FEATURE_STRIDE
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork
from tasks.training.checkpoint import FinalResults
from tasks.training.pair_accuracy import refinement_maps, tally_pairs
from tasks.training.pair_data import PairData

_TAU: Final = 0.3
"""The paper's threshold of affinities (A.2), which a keypoint that left the picture should stay below."""
_FIT, _MEASURE = 1, 2
"""Draws of pairs; draw 0 is that of validation."""


@dataclass(frozen=True)
class _Peaks:
    """Peaks of C on pairs of one size.

    Attributes:
        size_px: side of the views.
        logits: (N,) as the network gives them.
        correct: (N,) shown, and within 2 cells of the peak.
        shown: (N,) whether the second view shows the keypoint.
    """

    size_px: int
    logits: FloatArray
    correct: BoolArray
    shown: BoolArray

    @property
    def cells(self) -> FloatArray:
        """(N,) cells of each map."""
        return np.full(len(self.logits), float((self.size_px // FEATURE_STRIDE) ** 2))


def calibrate(
    network: CorrespondenceNetwork,
    held_out: PairData,
    *,
    sizes_px: Sequence[int],
    size_px: int,
    count: int,
    batch_size: int,
    generator: Callable[[int], np.random.Generator],
) -> FinalResults:
    """Calibrate a network in eval mode, in place, on warps of held-out pictures; measure on other warps of them.

    Args:
        network: the network; a calibration that it has is replaced.
        held_out: held-out pictures.
        sizes_px: frame sizes; without any the network is measured as it was trained.
        size_px: size that is measured then.
        count: pairs of each size, to calibrate and to measure.
        batch_size: pairs in one batch.
        generator: randomness of the pair of each number.

    Returns:
        The calibration, its errors and the share of lost keypoints whose peak is over 0.3 as metrics, and the table
        `reliability`: ten rows for the maps as trained, and ten for the calibrated ones.
    """
    refinement = cast(RefinementNetwork, network.refinement)
    refinement.calibration = None

    def draw(number: int, sizes: Sequence[int]) -> list[_Peaks]:
        shift = number * count
        return [
            _peaks(network, held_out, size, count, batch_size, lambda pair: generator(shift + pair)) for size in sizes
        ]

    fit, measured = draw(_FIT, sizes_px), draw(_MEASURE, sizes_px or [size_px])
    results = FinalResults()
    _add(results, "as_trained", measured, None)
    if any(len(peaks.logits) for peaks in fit):
        columns = ([getattr(peaks, name) for peaks in fit] for name in ("logits", "correct", "cells"))
        calibration = fit_calibration(*map(np.concatenate, columns))
        refinement.calibration = tuple(calibration)
        results.metrics.update({f"calibration_{name}": value for name, value in calibration._asdict().items()})
        _add(results, "calibrated", measured, calibration)
    return results


def _peaks(
    network: CorrespondenceNetwork,
    held_out: PairData,
    size_px: int,
    count: int,
    batch_size: int,
    generator: Callable[[int], np.random.Generator],
) -> _Peaks:
    pairs = held_out.fitted(size_px)
    with torch.inference_mode():
        tallies = tally_pairs(network, pairs, refinement_maps, count=count, batch_size=batch_size, generator=generator)
    tally = tallies.get("refined", torch.zeros(0, 4)).double().numpy()
    shown = np.asarray(tally[:, 0] > 0)
    return _Peaks(size_px, tally[:, 3], shown & (tally[:, 1] > 0), shown)


def _add(results: FinalResults, kind: str, measured: Sequence[_Peaks], calibration: Calibration | None) -> None:
    """Add the metrics of each size and over all sizes, and the curve over all sizes."""
    probabilities = [
        expit(peaks.logits if calibration is None else calibration.applied(peaks.logits, peaks.cells))
        for peaks in measured
    ]
    correct, shown = (np.concatenate([getattr(peaks, name) for peaks in measured]) for name in ("correct", "shown"))
    together = np.concatenate(probabilities)
    curve = reliability_curve(together, correct)
    if len(together):
        results.metrics[f"calibration_error_{kind}"] = calibration_error(curve)
        for peaks, values in zip(measured, probabilities, strict=True):
            error = calibration_error(reliability_curve(values, peaks.correct))
            results.metrics[f"calibration_error_{kind}_{peaks.size_px}_px"] = error
    if not shown.all():
        results.metrics[f"lost_over_tau_{kind}"] = float((together[~shown] > _TAU).mean())
    rows = results.tables.setdefault("reliability", [])
    rows += [{"kind": kind, **asdict(interval)} for interval in curve]
