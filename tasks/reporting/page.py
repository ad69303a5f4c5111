"""The page of the report, from facts to HTML."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd
from markupsafe import Markup

from tasks.progress.rejects import grouped
from tasks.reporting import charts, gather
from tasks.reporting.labels import counted, label, value_text
from tasks.reporting.noise import noise_figure
from tasks.reporting.paper_tables import paper_tables
from tasks.stages import STAGES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_TEMPLATES = Path(__file__).parent / "templates"

_SECTIONS = {
    "result": "Result",
    "notices": "Read first",
    "videos": "Videos",
    "difficulty": "By difficulty",
    "joints": "By joint",
    "paper": "Paper's tables",
    "noise": "Noise",
    "figures": "Paper's figures",
    "training": "Training",
    "run": "The run",
}


def render_page(
    workspace: Workspace, params: "Params", clips: list[gather.Row], figures: Sequence[gather.Row] = ()
) -> str:
    """HTML of the report, complete in itself but for the clips; every text from a file is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"label": label, "value_text": value_text}
    facts = _facts(workspace, params) | {"clips": clips, "figures": figures}
    shown = {"difficulty": "slices", "joints": "joints", "paper": "paper_tables", "training": "trainings"}
    shown |= {"figures": "figures", "noise": "noise"}
    if not facts["corpus"]["is_annotated"]:
        facts["figures"] = [figure | {"title": figure["title"].partition(". ")[2]} for figure in figures]
    titles = _SECTIONS if facts["corpus"]["is_annotated"] else _SECTIONS | {"figures": "Examples"}
    sections = [(name, title) for name, title in titles.items() if name not in shown or facts[shown[name]]]
    style = Markup((_TEMPLATES / "style.css").read_text())  # noqa: S704  our own file
    return environment.get_template("report.html").render(facts | {"sections": sections, "style": style})


def _facts(workspace: Workspace, params: "Params") -> dict[str, Any]:
    scores = gather.read_frame(workspace, "scores")
    runs = gather.provenances(workspace, STAGES)
    slices = gather.by_scope(scores, "tag", "tag")
    return {
        "corpus": gather.corpus_facts(workspace),
        "run_sentence": _run_sentence(runs),
        "headline": gather.headline(scores),
        "headline_caption": _scope_sentence(scores),
        "notices": [{"stage": run["stage"], "text": text} for run in runs for text in run.get("notices", [])],
        "rejects": _rejects(workspace, runs),
        "videos": gather.video_rows(workspace),
        "slices": slices,
        "slices_chart": _slices_chart(slices),
        "joints": gather.by_joint(scores),
        "paper_tables": paper_tables(workspace.reports / "tables"),
        "noise": _noise(workspace.reports),
        "trainings": _trainings(workspace),
        "stages": [_stage_row(run) for run in runs],
        "params": json.dumps(params.model_dump(), indent=2),
        "machine": json.dumps({key: runs[0].get(key) for key in ("hardware", "versions")} if runs else {}, indent=2),
    }


def _scope_sentence(scores: pd.DataFrame) -> str:
    count = scores[scores["scope"] == "video"]["name"].nunique()
    videos = counted(count, "scored video")
    return f"Over {videos}, by the poseval protocol; percentages, or counts summed over the joints."


def _run_sentence(runs: Sequence[gather.Row]) -> str:
    """When the last stage of the run was started, and with which revision of the code; from provenance."""
    dated = [run for run in runs if run.get("started")]
    if not dated:
        return ""
    last = max(dated, key=lambda run: str(run["started"]))
    commit, _, changes = str(last.get("revision", "unknown")).partition("+")
    revision = f"{commit[:12]}{' with uncommitted changes' if changes else ''}"
    return f"Run of {str(last['started']).replace('T', ' ')}, git revision {revision}."


def _rejects(workspace: Workspace, runs: list[gather.Row]) -> list[gather.Row]:
    """Rows of all rejects, those of one stage with like reasons as one."""
    of_stage: dict[str, list[gather.Row]] = {}
    for row in gather.records(gather.read_frame(workspace, "rejects")):
        of_stage.setdefault(row["stage"], []).append(row)
    for run in runs:
        of_stage.setdefault(run["stage"], []).extend(run.get("rejects", []))
    return [
        {"stage": stage, "count": group.count, "input": group.locations, "reason": group.reason}
        for stage, rows in of_stage.items()
        for group in grouped(_unique(rows))
    ]


def _unique(rows: list[gather.Row]) -> list[gather.Row]:
    return list({(row["source"], row["location"], row["reason"]): row for row in rows}.values())


def _stage_row(run: gather.Row) -> gather.Row:
    summary = run.get("summary", {})
    values = {name: value for name, value in summary.items() if isinstance(value, int | float | str)}
    text = ", ".join(f"{name} {value_text(value)}" for name, value in values.items())
    return {"stage": run["stage"], "seconds": float(run["seconds"]), "summary": text}


def _slices_chart(slices: list[gather.Row]) -> Markup | str:
    drawn = {row["tag"]: {name: row[name] for name in ("mAP", "MOTA") if row.get(name) is not None} for row in slices}
    return Markup(charts.bars(drawn, x_label="percent")) if drawn else ""  # noqa: S704  our own, from numbers


def _noise(reports: Path) -> dict[str, Markup | str] | None:
    figure = noise_figure(reports)
    return figure and figure | {"chart": Markup(figure["chart"])}  # noqa: S704  our own, from numbers


def _trainings(workspace: Workspace) -> list[gather.Row]:
    """Loss and validation metrics by epoch, one chart for each metric of each training stage."""
    return [
        {"stage": f"{path.stem}: {name}", "chart": Markup(charts.curves({name: values}, x_label="epoch", y_label=name))}  # noqa: S704  our own, from numbers
        for path in (workspace.artifacts / "plots" / f"{stage}.csv" for stage in STAGES)
        if path.exists()
        for name, values in _curves(path).items()
    ]


def _curves(path: Path) -> dict[str, list[float]]:
    table = pd.read_csv(path)
    return {str(name): table[name].tolist() for name in table if name not in ("epoch", "rate") and len(table) > 1}
