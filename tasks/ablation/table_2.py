"""Table 2: the methods against each other, on the same poses, each with a threshold chosen by the same sweep."""

from typing import TYPE_CHECKING, Any

from tasks.ablation.tables_3_to_7 import defined
from tasks.progress import current
from tasks.tracker_evaluation.methods import Method, methods
from tasks.tracker_evaluation.sweep import Prepared, at, choose_min_similarity, score_method
from tasks.tracker_evaluation.videos import TrialVideo, trial_videos
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

Row = dict[str, Any]


def table_2(workspace: Workspace, params: "Params") -> list[Row]:
    """One row per method and box source; `min_similarity` is the threshold chosen, null where it is params.yaml's."""
    rows, compared = [], methods(workspace, params)
    for box_source in sorted(params.detect.box_sources):
        splits = {split: trial_videos(workspace, split, box_source) for split in ("train", "val")}
        if not splits["train"]:
            current().notice(
                f"Table 2, {box_source} boxes: no training videos, so every method keeps track.min_similarity."
            )
        for method in compared:
            rows.append(_row(method, box_source, splits, params))
            current().advance(0, table=2, method=method.name, boxes=box_source)
    return rows


def _row(method: Method, box_source: str, splits: dict[str, list[TrialVideo]], params: "Params") -> Row:
    training, validation = (_prepared(method, splits[split]) for split in ("train", "val"))
    chosen = choose_min_similarity(training, params.track, params.ablate.similarity_quantiles)
    section = params.track if chosen is None else at(params.track, chosen)
    figures = score_method(validation, section)
    return {
        "method": method.name,
        "boxes": box_source,
        "IDSW": figures.switches,
        "MOTA": defined(figures.mota),
        "min_similarity": chosen,
    }


def _prepared(method: Method, trials: list[TrialVideo]) -> Prepared:
    return [(trial, method.evidences(trial)) for trial in trials]
