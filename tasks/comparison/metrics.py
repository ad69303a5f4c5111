"""Each metric of two runs with its difference: in total, by joint, by tag and by video, with paired intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from models.arrays import FloatArray, IntArray
from tasks.demo_corpus.seeds import generator
from tasks.scoring.results import JOINT_NAMES
from tasks.tracker_evaluation.measures import FEWER_IS_BETTER, METRICS, Metric, measure_of
from tasks.tracker_evaluation.metrics import VideoScore

Scope = Literal["total", "joint", "tag", "video"]
Verdict = Literal["identical", "better", "worse", "no evidence", "not judged"]
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """One metric of two runs on the same videos."""

    scope: Scope
    name: str
    """Of the joint, tag or video; empty for the total."""
    videos: int
    metric: Metric
    first: float | None
    """None where undefined, as in the next."""
    second: float | None
    difference: float | None
    """Second minus first."""
    low: float | None
    """Bounds of the 95 % paired bootstrap interval over videos; None where it was not computed."""
    high: float | None
    verdict: Verdict
    """Of the second run: better or worse only where the interval excludes 0; one video alone is not judged."""

    def row(self) -> dict[str, Any]:
        """The difference as JSON values."""
        return asdict(self)


def compare_scores(
    first: Sequence[VideoScore],
    second: Sequence[VideoScore],
    videos: Mapping[str, Sequence[str]],
    *,
    resamples: int,
    seed: int,
) -> list[Difference]:
    """All differences between two runs over the same videos.

    Args:
        first: scores of the first run, one per video.
        second: scores of the second run, in the same order.
        videos: tags of each video by its id, in the same order.
        resamples: draws of the bootstrap.
        seed: of the draws; the same for equal results.
    """
    everything = np.arange(len(videos))
    differences = _of(first, second, everything, "total", "", resamples=resamples, seed=seed)
    for tag in sorted({tag for tags in videos.values() for tag in tags}):
        tagged = np.array([number for number, tags in enumerate(videos.values()) if tag in tags])
        differences += _of(first, second, tagged, "tag", tag, resamples=resamples, seed=seed)
    for number, video_id in enumerate(videos):
        differences += _of(first, second, np.array([number]), "video", video_id, resamples=0, seed=seed)
    return differences


def _of(
    first: Sequence[VideoScore],
    second: Sequence[VideoScore],
    chosen: IntArray,
    scope: Scope,
    name: str,
    *,
    resamples: int,
    seed: int,
) -> list[Difference]:
    differences = []
    draws = np.concatenate([chosen[None], _draws(chosen, resamples if len(chosen) > 1 else 0, seed, name)])
    for metric in METRICS:
        measures = measure_of(metric, first), measure_of(metric, second)
        is_costly = metric == "mAP" and scope != "total"  # AP ranks all poses anew for each draw: seconds per tag
        drawn = draws[:1] if is_costly else draws
        values = np.array([[measure(draw) for measure in measures] for draw in drawn])  # (1 + R, 2, 16)
        differences.append(_difference(scope, name, len(chosen), metric, values[:, :, -1]))
        if scope == "total":
            joints = list(JOINT_NAMES.values())[:-1]
            differences += [
                _difference("joint", joint, len(chosen), metric, values[:, :, index])
                for index, joint in enumerate(joints)
            ]
    return differences


def _draws(chosen: IntArray, resamples: int, seed: int, name: str) -> IntArray:
    drawn = generator(seed, "compare", name).integers(0, len(chosen), (resamples, len(chosen)))
    return chosen[drawn]


def _difference(scope: Scope, name: str, videos: int, metric: Metric, values: FloatArray) -> Difference:
    """From the values of both runs, (1 + R, 2): on the videos themselves, then on each draw."""
    change = values[:, 1] - values[:, 0]
    drawn = change[1:][~np.isnan(change[1:])]
    rest = (1 - _CONFIDENCE) / 2
    low, high = (float(bound) for bound in np.quantile(drawn, [rest, 1 - rest])) if len(drawn) else (None, None)
    return Difference(
        scope=scope,
        name=name,
        videos=videos,
        metric=metric,
        first=_plain(values[0, 0]),
        second=_plain(values[0, 1]),
        difference=_plain(change[0]),
        low=low,
        high=high,
        verdict=_verdict(metric, values[0], low, high),
    )


def _verdict(metric: Metric, values: FloatArray, low: float | None, high: float | None) -> Verdict:
    if low is None or high is None:
        return "identical" if values[0] == values[1] else "not judged"
    return verdict_of(metric, low, high)


def verdict_of(metric: Metric, low: float, high: float) -> Verdict:
    """What an interval of the second run's difference from the first says; NaN is no evidence."""
    if low == high == 0:
        return "identical"
    if not (low > 0 or high < 0):
        return "no evidence"
    return "better" if (low > 0) != (metric in FEWER_IS_BETTER) else "worse"


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
