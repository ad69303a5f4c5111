"""Stage `ablate`: the paper's tables 2 to 7 on this corpus, beside the paper's own rows."""

import json
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.ablation import tables_3_to_7 as paper
from tasks.ablation.findings import findings
from tasks.ablation.standalone_accuracy import standalone_accuracy
from tasks.ablation.table_2 import table_2
from tasks.progress import current
from tasks.tables import read_table
from tasks.tables.schemas import VIDEOS
from tasks.tracker_evaluation.repeated_recovery import recovered_without_refinement
from tasks.tracker_evaluation.thresholds import Choice, merge_choices, track_choices
from tasks.tracker_evaluation.videos import EvaluationVideo, evaluation_videos
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


_PUBLISHED = Path(__file__).parent / "ablation" / "published.json"
_METHODS_TABLE = 2
"""The table that compares tracking methods; it holds their standalone accuracy too."""


def run(workspace: Workspace, params: "Params") -> None:
    """Write reports/tables/table_N.json for N from 2 to 7.

    Each file holds {"corpus", "rows", "published", "findings", "in_use"}: sentences computed from the rows, and the
    thresholds in use that the paper leaves open. Table 2 adds "standalone_accuracy", "switches_by_tag" and "notes",
    tables 5 and 7 add "swept", the thresholds that a sweep on the training split prefers. Every file is written,
    without rows where the table is not wanted, since DVC expects it.
    """
    videos = evaluation_videos(workspace, "val", "detected")
    if not videos:
        current().notice("The paper's tables are left out: no validation video has poses and ground truth to score.")
    wanted = set(params.ablate.tables if videos else ())
    published = json.loads(_PUBLISHED.read_text(encoding="utf-8"))
    common = {"corpus": _corpus(workspace, videos), "in_use": _in_use(params)}
    swept = _swept(workspace, params, wanted)
    unrefined = recovered_without_refinement(workspace, params, videos) if 7 in wanted else []
    makers = _makers(workspace, params, videos, unrefined)
    current().start("tables", len(makers))
    for done, (number, make) in enumerate(makers.items(), start=1):
        rows = make() if number in wanted else []
        content: dict[str, Any] = common | {"rows": rows, "published": published[f"table_{number}"]}
        if number in swept:
            content["swept"] = swept[number]
        if number == _METHODS_TABLE and number in wanted:
            content["standalone_accuracy"], content["notes"] = standalone_accuracy(workspace, params, videos)
            content["switches_by_tag"] = [
                {"method": row["method"], "boxes": row["boxes"]} | row.pop("by_tag") for row in rows
            ]
        standalone = content.get("standalone_accuracy", [])
        content["findings"] = findings(number, rows, standalone, threshold=params.track.output_keypoint_threshold)
        path = workspace.reports / "tables" / f"table_{number}.json"
        write_whole(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
        current().advance(done, table=number)


def _makers(
    workspace: Workspace, params: "Params", videos: list[EvaluationVideo], unrefined: list[EvaluationVideo]
) -> dict[int, Callable[[], list[dict[str, Any]]]]:
    section = params.track
    return {
        2: lambda: table_2(workspace, params),
        3: lambda: paper.table_3(videos, section, params.ablate.output_keypoint_thresholds),
        4: lambda: paper.table_4(videos),
        5: lambda: paper.table_5(videos, section.output_keypoint_threshold),
        6: lambda: paper.table_6(videos, section, params.ablate.tau_corr_values),
        7: lambda: paper.table_7(videos, section, unrefined),
    }


def _swept(workspace: Workspace, params: "Params", wanted: AbstractSet[int]) -> dict[int, dict[str, Choice]]:
    """Choices on the training split, by number of the table that shows them; empty without training videos."""
    training = evaluation_videos(workspace, "train", "detected") if wanted & {5, 7} else []
    if not training:
        return {}
    choices = {5: merge_choices, 7: track_choices}
    return {number: choose(training, params) for number, choose in choices.items() if number in wanted}


def _corpus(workspace: Workspace, videos: list[EvaluationVideo]) -> str:
    known = read_table(VIDEOS, VIDEOS.path(workspace.tables), ["video_id", "frame_count"]).to_pylist()
    scored = {video.video_id for video in videos}
    frames = sum(row["frame_count"] for row in known if row["video_id"] in scored)
    name = "synthetic demo corpus" if (workspace.data / "demo_corpus.json").exists() else "this corpus"
    return f"{name}, {len(videos)} validation videos, {frames} frames"


def _in_use(params: "Params") -> dict[str, float]:
    """The thresholds of params.yaml that the paper leaves open."""
    names = {
        "track": ("tau_corr", "tau_corr_siamese", "min_similarity", "duplicate_oks", "duplicate_ratio"),
        "merge": ("similarity_threshold", "max_gap_frames"),
    }
    values = params.model_dump()
    return {f"{section}.{name}": values[section][name] for section, keys in names.items() for name in keys}
