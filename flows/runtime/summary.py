"""The end of a run: one table of scores and seconds, or of tracked persons, what was rejected, and the report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.printing import print_line
from flows.runtime.video_counts import counts_table, lacks_tracks, nothing_tracked, result_lines, video_counts
from tasks.provenance import read_provenance
from tasks.stages import STAGES
from tasks.tables import read_table
from tasks.tables.schemas import REJECTS
from tasks.workspace import Workspace

_SCORES: Final = ("mAP", "MOTA", "identity switches")


@dataclass(frozen=True)
class RunTimes:
    """Seconds of a whole run, and those of them in which it waited for its servers to answer."""

    total: float
    servers: float


def rejected(workspace: Workspace) -> list[dict[str, str]]:
    """Source, location and reason of everything that any stage rejected; the index keeps its rejects in a table."""
    rejects = []
    table = REJECTS.path(workspace.tables)
    if table.is_file():
        rejects += read_table(REJECTS, table, ["source", "location", "reason"]).to_pylist()
    for stage in STAGES:
        rejects += read_provenance(workspace, stage).get("rejects", [])
    return rejects


def exit_code(workspace: Workspace) -> ExitCode:
    """Exit code of a run that finished; videos without annotations of which none has a track are not done."""
    return ExitCode.REJECTED if rejected(workspace) or lacks_tracks(workspace) else ExitCode.DONE


Headline = Mapping[str, tuple[str, str, str]]
"""mAP, MOTA (both in percent) and identity switches as text, by the kind of tracks."""


def print_summary(
    console: Console,
    workspace: Workspace,
    outcomes: Sequence[StageOutcome],
    times: RunTimes,
    *,
    before: Headline | None = None,
) -> None:
    """Print the table, the seconds, what was rejected, and the path of the report.

    Where no video is annotated there are no scores: the table counts persons, tracks and poses of each video.

    Args:
        console: where they go.
        workspace: folders of the run.
        outcomes: of its stages.
        times: its seconds.
        before: scores of the run before; what differs from them is printed too.
    """
    counts, scores = video_counts(workspace), headline(workspace.reports / "metrics.json")
    console.print(counts_table(counts) if counts else summary_table(scores, outcomes))
    for line in changes(before or {}, scores):
        print_line(console, line)
    print_line(console, times_line(workspace, outcomes, times))
    rejects = rejected(workspace)
    if rejects:
        first = rejects[0]
        source = " ".join(filter(None, (first["source"], first["location"])))
        print_line(console, f"{len(rejects)} rejected, such as {source}: {first['reason']}")
    if nothing := nothing_tracked(counts):
        print_line(console, nothing)
    for line in result_lines(workspace) if counts else []:
        print_line(console, line)
    report = workspace.reports / "index.html"
    if report.is_file():
        print_line(console, f"report: {report}")


def summary_table(headline: Headline, outcomes: Sequence[StageOutcome]) -> Table:
    """One table: a row per kind of tracks with its scores, then a row per stage with its seconds."""
    table = Table(title="corrtrack", title_justify="left", show_edge=False)
    table.add_column("")
    for name in (*_SCORES, "seconds"):
        table.add_column(name, justify="right")
    for tracks, scores in headline.items():
        table.add_row(tracks, *scores, "")
    table.add_section()
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f}" if outcome.state in {"ran", "restored"} else outcome.state
        table.add_row(outcome.stage, "", "", "", seconds)
    return table


def times_line(workspace: Workspace, outcomes: Sequence[StageOutcome], times: RunTimes) -> str:
    """Seconds of the run; then, summed over its stages, their work, and the time of DVC and starting processes.

    The sums of stages that ran side by side exceed the seconds of the run.
    """
    ran = [outcome for outcome in outcomes if outcome.state == "ran"]
    work = sum(float(read_provenance(workspace, outcome.stage).get("seconds", 0.0)) for outcome in ran)
    around = sum(outcome.seconds for outcome in outcomes) - work
    if not ran:
        return f"{times.total:.1f} s: nothing was stale"
    return (
        f"{times.total:.1f} s; summed over stages, which may run side by side: {work:.1f} s of work in {len(ran)} of "
        f"them, {around:.1f} s of DVC and starting processes around it, {times.servers:.1f} s of waiting for servers"
    )


def changes(before: Headline, now: Headline) -> list[str]:
    """What differs from the run before, a line for each kind of tracks; none where nothing does."""
    lines = []
    for kind in (kind for kind in now if kind in before):
        pairs = zip(_SCORES, before[kind], now[kind], strict=True)
        changed = [f"{name} {first} -> {second}" for name, first, second in pairs if first != second]
        if changed:
            lines.append(f"{kind}, against the run before: {', '.join(changed)}")
    return lines


def headline(metrics: Path) -> dict[str, tuple[str, str, str]]:
    """The scores of the tracks and of the merged tracks that a run wrote; empty where there are none."""
    if not metrics.is_file():
        return {}
    scores: dict[str, Any] = json.loads(metrics.read_text(encoding="utf-8"))
    return {
        name: _scores(scores[key])
        for name, key in (("tracks", "tracking"), ("merged tracks", "merged"))
        if key in scores
    }


def _scores(scores: dict[str, Any]) -> tuple[str, str, str]:
    return (
        _number(scores.get("mAP"), ".1f"),
        _number(scores.get("MOTA"), ".1f"),
        _number(scores.get("id_switches"), ".0f"),
    )


def _number(value: Any, form: str) -> str:
    return "undefined" if value is None else format(value, form)
