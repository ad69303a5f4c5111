"""Stage `ablate`: the paper's tables 2 to 7 on this corpus, beside the paper's own rows."""

import json
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.ablation import tables_3_to_7 as paper
from tasks.ablation.standalone_accuracy import competence
from tasks.ablation.table_2 import table_2
from tasks.progress import current
from tasks.tables import read_table
from tasks.tables.schemas import VIDEOS
from tasks.tracker_evaluation.repeated_recovery import trials_without_refinement
from tasks.tracker_evaluation.thresholds import Choice, merge_choices, track_choices
from tasks.tracker_evaluation.videos import TrialVideo, trial_videos
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_PUBLISHED = Path(__file__).parent / "ablation" / "published.json"
_BASELINES = 2
"""The table that compares trackers, of which each tells how good it is by itself."""


def run(workspace: Workspace, params: "Params") -> None:
    """Write reports/tables/table_N.json: {"corpus", "rows", "published", "chosen"}, table 2 with "competence" beside.

    Tables 5 and 7 tell beside the thresholds in force which ones a sweep on the training split finds best ("swept").
    Each of them is written, without rows where it was not asked for, since DVC expects every file.
    """
    trials = trial_videos(workspace, "val", "detected")
    if not trials:
        current().notice("The paper's tables are left out: no validation video has poses and ground truth to score.")
    asked = set(params.ablate.tables if trials else ())
    published = json.loads(_PUBLISHED.read_text())
    corpus = _corpus(workspace, trials)
    swept = _swept(workspace, params, asked)
    unrefined = trials_without_refinement(workspace, params, trials) if 7 in asked else []
    makers = _makers(workspace, params, trials, unrefined)
    current().start("tables", len(makers))
    for done, (number, make) in enumerate(makers.items(), start=1):
        rows = make() if number in asked else []
        content = {"corpus": corpus, "rows": rows, "published": published[f"table_{number}"], "chosen": _chosen(params)}
        if number in swept:
            content["chosen"] |= {f"{name} (best of the sweep)": one["best"] for name, one in swept[number].items()}
            content["swept"] = swept[number]
        if number == _BASELINES and number in asked:
            content["competence"], content["notes"] = competence(workspace, params, trials)
        path = workspace.reports / "tables" / f"table_{number}.json"
        write_whole(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
        current().advance(done, table=number)


def _makers(
    workspace: Workspace, params: "Params", trials: list[TrialVideo], unrefined: list[TrialVideo]
) -> dict[int, Callable[[], list[dict[str, Any]]]]:
    section = params.track
    return {
        2: lambda: table_2(workspace, params),
        3: lambda: paper.table_3(trials, section, params.ablate.output_keypoint_thresholds),
        4: lambda: paper.table_4(trials),
        5: lambda: paper.table_5(trials, section.output_keypoint_threshold),
        6: lambda: paper.table_6(trials, section, params.ablate.tau_corr_values),
        7: lambda: paper.table_7(trials, section, unrefined),
    }


def _swept(workspace: Workspace, params: "Params", asked: AbstractSet[int]) -> dict[int, dict[str, Choice]]:
    """Choices on the training split by the table that they belong to; empty without training videos."""
    training = trial_videos(workspace, "train", "detected") if asked & {5, 7} else []
    if not training:
        return {}
    choices = {5: merge_choices, 7: track_choices}
    return {number: choose(training, params) for number, choose in choices.items() if number in asked}


def _corpus(workspace: Workspace, trials: list[TrialVideo]) -> str:
    known = read_table(VIDEOS, VIDEOS.path(workspace.tables), ["video_id", "frame_count"]).to_pylist()
    scored = {trial.video_id for trial in trials}
    frames = sum(row["frame_count"] for row in known if row["video_id"] in scored)
    name = "synthetic demo corpus" if (workspace.data / "demo_corpus.json").exists() else "this corpus"
    return f"{name}, {len(trials)} validation videos, {frames} frames"


def _chosen(params: "Params") -> dict[str, float]:
    """Thresholds in force that were chosen on the training split, not by the paper."""
    names = {
        "track": ("tau_corr_siamese", "min_similarity", "duplicate_oks", "duplicate_ratio"),
        "merge": ("similarity_threshold", "max_gap_frames"),
    }
    values = params.model_dump()
    return {f"{section}.{name}": values[section][name] for section, keys in names.items() for name in keys}
