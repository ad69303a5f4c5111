"""A grid of params of the stage `track`, each point associated and scored on the tables that are there."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.metrics.paired_bootstrap import paired_bootstrap
from tasks.comparison.metrics import Verdict, verdict_of
from tasks.demo_corpus.seeds import generator
from tasks.errors import InputError
from tasks.inference.tracking import associate, matcher_of
from tasks.params.track import TrackParams
from tasks.tables.schemas import VIDEOS
from tasks.tracker_evaluation.measures import measure_of
from tasks.tracker_evaluation.metrics import VideoScore, metrics_of, score_video
from tasks.tracker_evaluation.videos import EvaluationVideo, evaluation_videos
from tasks.workspace import Workspace


@dataclass(frozen=True)
class GridPoint:
    """One point of a grid against the present params, on the same videos."""

    values: dict[str, str]
    """By swept key, as the user wrote them."""
    mean_ap: float
    mota: float
    switches: int
    difference: float
    """Of MOTA to the present params, percent."""
    low: float
    """Bounds of its 95 % paired bootstrap interval over videos."""
    high: float
    verdict: Verdict

    def row(self) -> dict[str, Any]:
        """The point as JSON values."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


def sweep_videos(workspace: Workspace, split: str, box_source: str) -> list[EvaluationVideo]:
    """Videos that a grid is judged on.

    Raises:
        InputError: fewer than two have annotations and all tables that tracking reads.
    """
    has_index = VIDEOS.path(workspace.tables).is_file()
    videos = evaluation_videos(workspace, split, box_source) if has_index else []
    if len(videos) < 2:
        raise InputError(
            f"{workspace.tables}: expected at least two annotated videos of the split {split} with poses and "
            f"affinities, got {len(videos)}; run `corrtrack reproduce`"
        )
    return videos


def score_tracking(videos: Sequence[EvaluationVideo], section: TrackParams) -> list[VideoScore]:
    """Scores of the videos as the stage `track` would track them by `section`, before merging."""
    scores = []
    for video in videos:
        tracks = associate(video.evidence, matcher_of(video.evidence, section), section)
        tracked, threshold = video.tracked(video.evidence, tracks), section.output_keypoint_threshold
        scores.append(score_video(video.video_id, video.truth, tracked, output_keypoint_threshold=threshold))
    return scores


def judge(
    values: dict[str, str], scores: Sequence[VideoScore], present: Sequence[VideoScore], *, resamples: int, seed: int
) -> GridPoint:
    """A point of the grid, by its scores and those of the present params on the same videos."""
    ours, theirs = measure_of("MOTA", scores), measure_of("MOTA", present)
    judged = paired_bootstrap(
        [len(scores)],
        lambda videos: float(ours(videos)[-1] - theirs(videos)[-1]),
        resamples=resamples,
        generator=generator(seed, "sweep"),
    )
    verdict = verdict_of("MOTA", judged.low, judged.high)
    metrics = metrics_of(scores)
    return GridPoint(
        values, metrics.mean_ap, metrics.mota, metrics.switches, judged.mean, judged.low, judged.high, verdict
    )


def best_point(points: Sequence[GridPoint]) -> GridPoint:
    """The point of the highest MOTA, the first of equals."""
    return max(points, key=lambda point: -np.inf if np.isnan(point.mota) else point.mota)
