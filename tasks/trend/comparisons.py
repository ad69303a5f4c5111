"""What the paper says is better than what, and what the fresh corpora say to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal

import numpy as np

from models.arrays import IntArray
from models.metrics.paired_bootstrap import PairedDifference, paired_bootstrap
from tasks.demo_corpus.seeds import generator
from tasks.tracker_evaluation.measures import FEWER_IS_BETTER, Measure, Metric, measure_of
from tasks.trend.home import FULL_DESIGN, PROPAGATED, WITHOUT_RESIDUAL
from tasks.trend.scores import CorpusScores

Row = dict[str, Any]
_TRACKING: Final[tuple[Metric, ...]] = ("IDSW", "MOTA")


@dataclass(frozen=True)
class Trend:
    """A statement of the paper: `first` is better than `second` in each metric."""

    name: str
    section: str
    first: str
    second: str
    metrics: tuple[Metric, ...]
    claim: Literal["better", "equal"] = "better"
    """What the paper says of the first."""


def _against_baselines(name: str, variant: str, section: str) -> tuple[Trend, ...]:
    return tuple(
        Trend(
            f"{name} against {method}, {boxes} boxes", section, f"{variant}, {boxes}", f"{method}, {boxes}", _TRACKING
        )
        for boxes in ("annotated", "detected")
        for method in ("OKS", "Optical flow", "Re-ID")
    )


NOT_OF_THE_PAPER: Final = "ours"
_BASELINES: Final = _against_baselines("correspondences", "Correspondences", "Table 2")
TRENDS: Final = (
    *_BASELINES,
    Trend("recovery of missed poses", "Table 3", "detected and recovered poses", "detected poses", ("mAP", "MOTA")),
    Trend("refinement", "Table 7", FULL_DESIGN, "without refinement", ("mAP", "MOTA", "IDSW")),
    Trend("duplicate removal", "Table 7", FULL_DESIGN, "without duplicate removal", ("mAP", "MOTA", "IDSW")),
    Trend("merging", "Table 5", "merged tracks", "tracks", ("MOTA", "IDSW")),
    Trend("COCO against PoseTrack", "Section 6.1", "trained on coco", "trained on posetrack", ("MOTA", "IDSW")),
    Trend(
        "PoseTrack after COCO",
        "Section 6.1",
        "trained on coco_then_posetrack",
        "trained on coco",
        ("MOTA", "IDSW"),
        "equal",
    ),
    *_against_baselines("propagated poses", PROPAGATED, NOT_OF_THE_PAPER),
    Trend(
        "residual of the refinement",
        NOT_OF_THE_PAPER,
        "trained on coco",
        f"trained on {WITHOUT_RESIDUAL}",
        ("mAP", "MOTA", "IDSW"),
    ),
)
"""What the paper says; beside it how the same correspondences do when their peaks are compared (PROPAGATED), and what
the residual does."""


def trend_rows(corpora: Sequence[CorpusScores], *, resamples: int, seed: int) -> list[Row]:
    """One row for each trend and metric that was measured; `difference` is positive where the first is better."""
    return [
        _row(trend, metric, corpora, resamples=resamples, seed=seed)
        for trend in TRENDS
        if all({trend.first, trend.second} <= corpus.variants.keys() for corpus in corpora)
        for metric in trend.metrics
    ]


def _row(trend: Trend, metric: Metric, corpora: Sequence[CorpusScores], *, resamples: int, seed: int) -> Row:
    sizes = [len(corpus.videos) for corpus in corpora]
    first, second = (
        measure_of(metric, list(chain.from_iterable(corpus.variants[variant] for corpus in corpora)))
        for variant in (trend.first, trend.second)
    )
    sign = -1.0 if metric in FEWER_IS_BETTER else 1.0
    difference = paired_bootstrap(
        sizes,
        lambda videos: sign * float(first(videos)[-1] - second(videos)[-1]),
        resamples=resamples,
        generator=generator(seed, "trend", trend.name, metric),
        trainings=[corpus.training for corpus in corpora],
    )
    parts = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    values = {"first_mean": _mean(first, parts), "second_mean": _mean(second, parts)}
    facts = {name: getattr(trend, name) for name in ("name", "section", "first", "second", "claim")}
    return facts | {"metric": metric} | values | _as_row(difference)


def by_tag(corpora: Sequence[CorpusScores]) -> list[Row]:
    """Where correspondences win and lose: difference to each baseline over all videos with a tag; no intervals."""
    tags = [tag for corpus in corpora for tag in corpus.tags]
    return [
        {"name": trend.name, "tag": tag, "videos": len(videos)} | _tag_differences(trend, corpora, videos)
        for trend in _BASELINES
        if all({trend.first, trend.second} <= corpus.variants.keys() for corpus in corpora)
        for tag in sorted(set(chain.from_iterable(tags)))
        if len(videos := np.array([number for number, video_tags in enumerate(tags) if tag in video_tags]))
    ]


def _tag_differences(trend: Trend, corpora: Sequence[CorpusScores], videos: IntArray) -> Row:
    first, second = (
        list(chain.from_iterable(corpus.variants[variant] for corpus in corpora))
        for variant in (trend.first, trend.second)
    )
    return {
        "fewer IDSW": _plain(measure_of("IDSW", second)(videos)[-1] - measure_of("IDSW", first)(videos)[-1]),
        "more MOTA": _plain(measure_of("MOTA", first)(videos)[-1] - measure_of("MOTA", second)(videos)[-1]),
    }


def _as_row(difference: PairedDifference) -> Row:
    return {
        "difference": _plain(difference.mean),
        "low": _plain(difference.low),
        "high": _plain(difference.high),
        "by_corpus": [_plain(value) for value in difference.by_corpus],
        "verdict": difference.verdict,
    }


def _mean(measure: Measure, parts: Sequence[IntArray]) -> float | None:
    return _plain(float(np.mean([measure(part)[-1] for part in parts])))


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
