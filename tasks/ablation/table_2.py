"""Table 2: the tracking methods on the same poses, each with a threshold chosen by the same sweep."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from tasks.ablation.tables_3_to_7 import defined
from tasks.progress import current
from tasks.tracker_evaluation.methods import Method, VideoSimilarities, methods, score_method
from tasks.tracker_evaluation.thresholds import choose_min_similarity, with_min_similarity
from tasks.tracker_evaluation.videos import EvaluationVideo, evaluation_videos
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


Row: TypeAlias = dict[str, Any]


def table_2(workspace: Workspace, params: "Params") -> list[Row]:
    """One row for each method and box source; `min_similarity` is the chosen threshold, null for the params' one."""
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
    metrics = score_method(validation, params.track if chosen is None else with_min_similarity(params.track, chosen))
    return {
        "method": method.name,
        "boxes": box_source,
        "IDSW": metrics.switches,
        "MOTA": defined(metrics.mota),
        "min_similarity": chosen,
    }


def _with_similarities(method: Method, videos: Sequence[EvaluationVideo]) -> VideoSimilarities:
    return [(video, method.similarities(video)) for video in videos]
