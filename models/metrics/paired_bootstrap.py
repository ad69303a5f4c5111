"""Paired bootstrap: how far the difference of two methods might be chance, over which videos happened to be there and
which training the networks happened to get."""

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
    trainings: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> PairedDifference:
    """Percentile interval of the mean over corpora of `difference`, by drawing videos with repetition.

    All videos of all corpora are drawn from together, as many as there are, and laid into corpora of the given sizes;
    both methods see the same draw, which is what pairs them. Where the corpora were judged by networks of several
    trainings, trainings are drawn with repetition first, then the videos of the corpora of each.

    Args:
        sizes: videos of each corpus; those of the first are numbered from 0, those of the next go on.
        difference: of the two methods on a set of videos (N,), which may hold repetitions.
        resamples: draws.
        generator: source of the draws.
        trainings: number of the training behind each corpus; without it there is one.
        confidence: share of the draws inside the interval.
    """
    corpora = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    observed = tuple(difference(corpus) for corpus in corpora)
    by_training = _by_training(corpora, trainings or [0] * len(sizes))
    draws = (_draw(by_training, generator) for _ in range(resamples))
    means = np.array([_mean([difference(corpus) for corpus in draw]) for draw in draws])
    low, high = _bounds(means[~np.isnan(means)], confidence)
    return PairedDifference(observed, _mean(observed), low, high)


def _by_training(corpora: Sequence[IntArray], trainings: Sequence[int]) -> list[list[IntArray]]:
    """Corpora, by their videos, of each training."""
    pairs = list(zip(trainings, corpora, strict=True))
    return [[corpus for number, corpus in pairs if number == training] for training in sorted(set(trainings))]


def _draw(by_training: Sequence[Sequence[IntArray]], generator: np.random.Generator) -> list[IntArray]:
    """Corpora of as many trainings as there are, each training and each video drawn with repetition."""
    count = len(by_training)
    trainings = generator.integers(0, count, count) if count > 1 else [0]
    return [corpus for training in trainings for corpus in _draw_videos(by_training[training], generator)]


def _draw_videos(corpora: Sequence[IntArray], generator: np.random.Generator) -> list[IntArray]:
    videos = np.concatenate(corpora)
    draw = videos[generator.integers(0, len(videos), len(videos))]
    return np.split(draw, np.cumsum([len(corpus) for corpus in corpora])[:-1])


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _bounds(means: FloatArray, confidence: float) -> tuple[float, float]:
    if not len(means):
        return float("nan"), float("nan")
    rest = (1 - confidence) / 2
    low, high = np.quantile(means, [rest, 1 - rest])
    return float(low), float(high)
