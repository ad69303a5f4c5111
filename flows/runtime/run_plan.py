"""What a run would do: the stages that are stale, why, and how long each took the last time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from flows.runtime.pipeline import Pipeline, params_of, stages_of_lock
from tasks.errors import InputError
from tasks.provenance import read_provenance
from tasks.workspace import Workspace

_MOST_NAMED: Final = 3
"""Changed files or keys that one reason names; the others are counted."""
_ABSENT: Final = "absent"


@dataclass(frozen=True)
class PlannedStage:
    """A stage that a run would update."""

    stage: str
    reasons: tuple[str, ...]
    """What has changed of its own params, code, inputs or results; empty where only stages before it are stale."""
    after: tuple[str, ...]
    """Stale stages that it reads from."""
    last_seconds: float | None
    """What it took the last time; None where that is not known."""


def chosen_stages(pipeline: Pipeline, *, first: str | None, last: str | None) -> set[str]:
    """Stages from `first` on, up to `last`: what reads, directly or not, from the one, and what the other reads from.

    Raises:
        InputError: no such stage, or `last` does not read from `first`.
    """
    for name in (first, last):
        if name is not None and name not in pipeline.stages:
            raise InputError(f"stage {name}: expected one of {', '.join(pipeline.stages)}")
    stages = set(pipeline.stages if first is None else pipeline.with_downstream({first}))
    if last is None:
        return stages
    reached = set(pipeline.with_upstream(last))
    if not stages & reached:
        raise InputError(f"--from {first} --until {last}: expected a stage that reads from {first}, {last} does not")
    return stages & reached


def planned_stages(
    pipeline: Pipeline,
    status: Mapping[str, Any],
    params: Mapping[str, Any],
    recorded: Mapping[str, Any],
    workspace: Workspace,
) -> list[PlannedStage]:
    """The stages that are stale or follow a stale one, in pipeline order.

    Args:
        pipeline: the stages.
        status: answer of `dvc_status`.
        params: sections of params.yaml as the run would have them, perhaps with settings that are not written yet.
        recorded: for each stage the sections that dvc.lock says it ran with.
        workspace: where the seconds of earlier runs are.
    """
    reasons = {stage: tuple(_reasons(status.get(stage), recorded.get(stage), params)) for stage in pipeline.stages}
    stale = {stage for stage in pipeline.stages if reasons[stage]}
    planned = pipeline.with_downstream(stale)
    return [
        PlannedStage(
            stage,
            reasons[stage],
            tuple(other for other in pipeline.upstream(stage) if other in planned),
            read_provenance(workspace, stage).get("seconds"),
        )
        for stage in planned
    ]


def recorded_params(lock: Path) -> dict[str, Any]:
    """Sections of params.yaml that each stage ran with, by dvc.lock; empty where there is none."""
    return {name: params_of(entry) for name, entry in stages_of_lock(lock).items()}


def plan_table(plan: Sequence[PlannedStage]) -> Table:
    """One row per stage: why it is stale, and its seconds the last time."""
    table = Table(show_edge=False)
    for name in ("stage", "why"):
        table.add_column(name)
    table.add_column("last time", justify="right")
    for part in plan:
        why = "; ".join(part.reasons) or f"follows {', '.join(part.after)}"
        table.add_row(part.stage, why, "" if part.last_seconds is None else f"{part.last_seconds:.1f} s")
    return table


def _reasons(changes: Any, recorded: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Iterator[str]:
    if recorded is None:
        yield "has no recorded run"
        return
    changed = [
        f"{key} {before} -> {after}"
        for section, values in recorded.items()
        for key, before, after in _differences(section, values, params.get(section, _ABSENT))
    ]
    if changed:
        yield f"params: {_named(changed)}"
    for entry in changes or ():
        if entry in ("changed command", "always changed"):
            yield str(entry)
            continue
        paths = [path for path in entry.get("changed deps", {}) if path != "params.yaml"]
        if paths:
            yield f"changed: {_named(paths)}"
        if results := [f"{path} ({state})" for path, state in entry.get("changed outs", {}).items()]:
            yield f"results: {_named(results)}"


def _differences(key: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every key below `key` whose value differs, with both values."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _differences(f"{key}.{name}", before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif before != after:
        yield key, before, after


def _named(items: Sequence[str]) -> str:
    more = len(items) - _MOST_NAMED
    return ", ".join(items[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
