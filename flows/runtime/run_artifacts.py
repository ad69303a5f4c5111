"""What a run leaves in Prefect's history: its stages, its metrics with links, and what its stages logged."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from flows.runtime.outcomes import StageOutcome

_LINES: Final = 300
"""Of each log file, the last."""
_METRICS: Final = ("mAP", "MOTA", "HOTA", "id_switches")


def publish(flow_name: str, outcomes: Sequence[StageOutcome], state: Path) -> None:
    """Keep artifacts and logs of the flow run that is going on.

    Args:
        flow_name: of the flow.
        outcomes: of its stages.
        state: the working state of the run, in the folder of its results.
    """
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    rows = [{"stage": done.stage, "result": done.state, "seconds": f"{done.seconds:.1f}"} for done in outcomes]
    create_table_artifact(table=rows, key=f"{flow_name}-stages", description="Stages of the run and their seconds")
    if metrics := metric_rows(state.parent / "reports"):
        create_table_artifact(table=metrics, key=f"{flow_name}-metrics", description="Scores of the run")
    if text := results_text(state.parent):
        create_markdown_artifact(markdown=text, key=f"{flow_name}-results", description="What was found, and where")
    with suppress(Exception):
        _send_logs(outcomes, state / "logs")


def metric_rows(reports: Path) -> list[dict[str, str]]:
    """The headline of reports/metrics.json, a row for each kind of tracks; none where nothing was scored."""
    try:
        scores = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [
        {"tracks": kind} | {name: _text(values[name]) for name in _METRICS if name in values}
        for kind, values in scores.items()
        if isinstance(values, dict)
    ]


def results_text(root: Path) -> str:
    """The summary of a run as Markdown, then links to its files; empty where there are neither."""
    summary = root / "reports" / "summary.md"
    files = [
        root / "reports" / "index.html",
        root / "overlays",
        root / "artifacts" / "exports",
        root / "artifacts" / "tables",
    ]
    links = [f"- [{path.relative_to(root)}]({path.as_uri()})" for path in files if path.exists()]
    parts = [summary.read_text(encoding="utf-8")] if summary.is_file() else []
    return "\n\n".join([*parts, *(["## Files\n\n" + "\n".join(links)] if links else [])])


def _text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.1f}" if value % 1 else f"{value:.0f}"


def _send_logs(outcomes: Sequence[StageOutcome], folder: Path) -> None:
    """Give the lines that the stages logged to the flow run, named after their file."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import LogCreate
    from prefect.runtime import flow_run

    now = datetime.now(UTC)
    records = [
        LogCreate.model_validate(
            {
                "name": f"corrtrack.{name}",
                "level": level,
                "message": line,
                "timestamp": now + timedelta(microseconds=number),  # by which the page sorts them
                "flow_run_id": flow_run.id,
            }
        )
        for number, (name, level, line) in enumerate(_lines([done.stage for done in outcomes], folder))
    ]
    with get_client(sync_client=True) as client:
        client.create_logs(records)


def _lines(stages: Sequence[str], folder: Path) -> Iterator[tuple[str, int, str]]:
    for name in (*stages, "stages"):
        for ending in ("run.log", "log"):
            path = folder / f"{name}.{ending}"
            if path.is_file():
                for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:]:
                    if line.strip():
                        yield name, logging.WARNING if " WARNING " in line else logging.INFO, line
                break
