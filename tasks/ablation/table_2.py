"""Table 2: the tracking methods on the same poses, each with a threshold chosen by the same sweep."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from tasks.ablation.tables_3_to_7 import defined
from tasks.progress import current
from tasks.tracker_evaluation.methods import Method, VideoSimilarities, methods, score_videos
from tasks.tracker_evaluation.metrics import VideoScore, metrics_of
from tasks.tracker_evaluation.thresholds import choose_min_similarity, with_min_similarity
from tasks.tracker_evaluation.videos import EvaluationVideo, evaluation_videos
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


Row: TypeAlias = dict[str, Any]


def table_2(workspace: Workspace, params: "Params") -> list[Row]:
    """One row for each method and box source; `min_similarity` is the chosen threshold, null for the params' one.

    `by_tag` holds the identity switches over the videos of each tag.
    """
    rows, compared = [], methods(workspace, params)
    for box_source in sorted(params.detect.box_sources):
        splits = {split: evaluation_videos(workspace, split, box_source) for split in ("train", "val")}
        if not splits["train"]:
            current().notice(
                f"Table 2, {box_source} boxes: there are no training videos, so every method uses track.min_similarity."
            )
        for method in compared:
            rows.append(_row(method, box_source, splits, params))
            current().advance(0, table=2, method=method.name, boxes=box_source)
    return rows


def _row(method: Method, box_source: str, splits: Mapping[str, Sequence[EvaluationVideo]], params: "Params") -> Row:
    training, validation = (_with_similarities(method, splits[split]) for split in ("train", "val"))
    chosen = choose_min_similarity(training, params.track, params.ablate.similarity_quantiles)
    scores = score_videos(validation, params.track if chosen is None else with_min_similarity(params.track, chosen))
    metrics = metrics_of(scores)
    return {
        "method": method.name,
        "boxes": box_source,
        "IDSW": metrics.switches,
        "MOTA": defined(metrics.mota),
        "min_similarity": chosen,
        "by_tag": _switches_by_tag(validation, scores),
    }


def _switches_by_tag(videos: VideoSimilarities, scores: Sequence[VideoScore]) -> dict[str, int]:
    """A video counts for each of its tags."""
    tags = [set(video.entry.row["tags"]) for video, _ in videos]
    return {
        tag: sum(int(score.counts.switches.sum()) for score, known in zip(scores, tags, strict=True) if tag in known)
        for tag in sorted(set().union(*tags))
    }


def _with_similarities(method: Method, videos: Sequence[EvaluationVideo]) -> VideoSimilarities:
    return [(video, method.similarities(video)) for video in videos]
