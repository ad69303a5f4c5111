"""A grid of params, each row judged against the present params by the tracks of the same videos."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from models.metrics.paired_bootstrap import PairedDifference, paired_bootstrap
from tasks.comparison.metrics import Verdict, verdict_of
from tasks.comparison.versions import TABLES, Version
from tasks.demo_corpus.seeds import generator
from tasks.errors import InputError
from tasks.inference.tracking import associate, matcher_of
from tasks.params.track import TrackParams
from tasks.tables.schemas import VIDEOS
from tasks.tracker_evaluation.measures import measure_of
from tasks.tracker_evaluation.metrics import VideoScore, metrics_of, score_video
from tasks.tracker_evaluation.videos import EvaluationVideo, evaluation_videos
from tasks.workspace import Workspace

VideoScores = Mapping[str, VideoScore]
"""By id of the video."""
TRACKS_ONLY: Final = "tracks"
"""The kind of tracks that there is before merging, a key of TABLES."""


@dataclass(frozen=True)
class GridTotals:
    """Metrics over all videos, means over the seeds; percent and counts."""

    mean_ap: float
    mota: float
    switches: float


@dataclass(frozen=True)
class GridRow:
    """One row of a grid as it was run, once for each seed."""

    values: Mapping[str, str]
    """By swept key, as the user wrote them; what is not there is as in the present params."""
    names: tuple[str, ...]
    """Of its runs."""
    scores: Mapping[str, tuple[VideoScores, ...]]
    """By kind of tracks, those of each run."""


@dataclass(frozen=True)
class GridPoint:
    """One row of a grid against the present params, on the same videos."""

    values: Mapping[str, str]
    names: tuple[str, ...]
    totals: Mapping[str, GridTotals]
    """By kind of tracks."""
    difference: float
    """Of the judged kind's MOTA to the present params, percent."""
    low: float
    """Bounds of its 95 % paired bootstrap interval over videos."""
    high: float
    by_seed: tuple[float, ...]
    """The difference with each seed."""
    verdict: Verdict
    """Better or worse only where the interval excludes 0 and every seed agrees."""
    is_beside_best: bool = False
    """Whether the interval of its difference to the best row holds 0; true of the best itself."""

    def row(self) -> dict[str, Any]:
        """The point as JSON values."""
        content: dict[str, Any] = _plain(asdict(self))
        return content


class ParamsGrid:
    """All rows of a grid on the videos that they share.

    Args:
        present: the row of the present params.
        rows: the others.
        kind: which tracks are judged.
        resamples: draws of the bootstrap.
        seed: of the draws.

    Raises:
        InputError: fewer than two videos are shared.
    """

    def __init__(self, present: GridRow, rows: Sequence[GridRow], *, kind: str, resamples: int, seed: int) -> None:
        self.kind, self._resamples, self._seed = kind, resamples, seed
        runs = [run for row in (present, *rows) for run in row.scores[kind]]
        self.videos = sorted(set.intersection(*(set(run) for run in runs)))
        """Ids of the videos that every row is judged on."""
        if len(self.videos) < 2:
            raise InputError(
                f"expected at least two annotated videos that every point has {kind} of, got {len(self.videos)}; "
                "choose the other --split, or annotate more videos"
            )
        self.present = self._judged(present, present)
        points = [self._judged(row, present) for row in rows]
        self.best = max(range(len(rows)), key=lambda number: _order(points[number].totals[kind].mota))
        """Index of the row of the highest MOTA, the first of equals."""
        best = rows[self.best]
        self.points = [
            replace(point, is_beside_best=row is best or self._holds_0(row, best))
            for row, point in zip(rows, points, strict=True)
        ]

    def content(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "tracks": self.kind,
            "videos": self.videos,
            "present": self.present.row(),
            "points": [point.row() for point in self.points],
            "best": self.best,
        }

    def _judged(self, row: GridRow, present: GridRow) -> GridPoint:
        judged = self._difference(row, present)
        verdict = verdict_of("MOTA", judged.low, judged.high)
        if verdict in ("better", "worse") and len({np.sign(value) for value in judged.by_corpus}) > 1:
            verdict = "no evidence"
        totals = {kind: self._totals(runs) for kind, runs in row.scores.items()}
        bounds = (judged.mean, judged.low, judged.high)
        return GridPoint(row.values, row.names, totals, *bounds, judged.by_corpus, verdict)

    def _holds_0(self, row: GridRow, best: GridRow) -> bool:
        judged = self._difference(row, best)
        return not (judged.low > 0 or judged.high < 0)

    def _difference(self, row: GridRow, other: GridRow) -> PairedDifference:
        """Of MOTA between two rows; videos are drawn from those of all seeds together."""
        ours, theirs = (
            measure_of("MOTA", [run[video] for run in runs for video in self.videos])
            for runs in (row.scores[self.kind], other.scores[self.kind])
        )
        return paired_bootstrap(
            [len(self.videos)] * len(row.scores[self.kind]),
            lambda videos: float(ours(videos)[-1] - theirs(videos)[-1]),
            resamples=self._resamples,
            generator=generator(self._seed, "sweep"),
        )

    def _totals(self, runs: Sequence[VideoScores]) -> GridTotals:
        metrics = [metrics_of([run[video] for video in self.videos]) for run in runs]
        means = np.mean([(each.mean_ap, each.mota, each.switches) for each in metrics], axis=0)
        return GridTotals(*map(float, means))


def score_version(version: Version, split: str, kind: str) -> dict[str, VideoScore]:
    """Scores of the stored tracks of a finished run, by video of the split that has annotations."""
    table, threshold = TABLES[kind], version.output_threshold()
    return {
        video.video_id: score_video(
            video.video_id, video.truth, video.stored(table), output_keypoint_threshold=threshold
        )
        for video in evaluation_videos(version.workspace, split, version.box_source, needed=(table,))
    }


def sweep_videos(workspace: Workspace, split: str, box_source: str) -> list[EvaluationVideo]:
    """Videos that can be tracked anew from their tables; none where the stages have not run."""
    has_index = VIDEOS.path(workspace.tables).is_file()
    return evaluation_videos(workspace, split, box_source) if has_index else []


def score_tracking(videos: Sequence[EvaluationVideo], section: TrackParams) -> dict[str, VideoScore]:
    """Scores of the videos as the stage `track` would track them by `section`, before merging."""
    scores = {}
    for video in videos:
        tracks = associate(video.evidence, matcher_of(video.evidence, section), section)
        tracked, threshold = video.tracked(video.evidence, tracks), section.output_keypoint_threshold
        scores[video.video_id] = score_video(video.video_id, video.truth, tracked, output_keypoint_threshold=threshold)
    return scores


def _order(value: float) -> float:
    return -np.inf if np.isnan(value) else value


def _plain(value: Any) -> Any:
    """JSON values: NaN as null, tuples as lists."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and value != value else value
