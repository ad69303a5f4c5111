"""Paired bootstrap: how far the difference of two methods might be chance, over which videos happened to be there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.arrays import FloatArray, IntArray

Verdict = Literal["shown", "opposite", "not shown"]
Difference = Callable[[IntArray], float]
"""Videos by number, some perhaps several times, to the difference of two methods on them; NaN where undefined."""


@dataclass(frozen=True)
class PairedDifference:
    """Mean difference over the corpora with its interval; positive means the first method is better."""

    by_corpus: tuple[float, ...]
    """NaN where undefined."""
    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Shown, or its opposite, only where the interval excludes 0."""
        if self.low > 0:
            return "shown"
        return "opposite" if self.high < 0 else "not shown"


def paired_bootstrap(
    sizes: Sequence[int],
    difference: Difference,
    *,
    resamples: int,
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> PairedDifference:
    """Percentile interval of the mean over corpora of `difference`, by drawing videos with repetition.

    All videos of all corpora are drawn from together, as many as there are, and laid into corpora of the given sizes;
    both methods see the same draw, which is what pairs them.

    Args:
        sizes: videos of each corpus; those of the first are numbered from 0, those of the next go on.
        difference: of the two methods on a set of videos (N,), which may hold repetitions.
        resamples: draws.
        generator: source of the draws.
        confidence: share of the draws inside the interval.
    """
    ends = np.cumsum(sizes)
    total, cuts = int(ends[-1]), ends[:-1]
    observed = tuple(difference(part) for part in np.split(np.arange(total), cuts))
    draws = (generator.integers(0, total, total) for _ in range(resamples))
    means = np.array([_mean([difference(part) for part in np.split(draw, cuts)]) for draw in draws])
    low, high = _bounds(means[~np.isnan(means)], confidence)
    return PairedDifference(observed, _mean(observed), low, high)


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _bounds(means: FloatArray, confidence: float) -> tuple[float, float]:
    if not len(means):
        return float("nan"), float("nan")
    rest = (1 - confidence) / 2
    low, high = np.quantile(means, [rest, 1 - rest])
    return float(low), float(high)
