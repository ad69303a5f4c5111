"""How the run went: the time of each stage, what the stages noticed, params, software and hardware."""

import json
from collections.abc import Sequence
from typing import Final

from tasks.progress.rejects import kind_of
from tasks.reporting.charts.bars import BarChart
from tasks.reporting.gather import Row
from tasks.reporting.run_facts import RunFacts

_SCORERS: Final = "score"
"""The stage whose notices are about the protocol, which few readers need."""
_MOST_VALUES: Final = 8
"""Of a stage's summary on the page; its provenance holds them all."""


def stages(run: RunFacts) -> Row:
    """Rows, charts and texts."""
    notices = [(record["stage"], text) for record in run.provenances for text in record.get("notices", [])]
    others = [(stage, text.removeprefix(f"{stage}: ")) for stage, text in notices if stage != _SCORERS]
    return {
        "rows": [_row(record) for record in run.provenances],
        "charts": _charts(run.provenances),
        "notices": _alike(others),
        "scorer": [text for stage, text in notices if stage == _SCORERS],
        "params": json.dumps(run.params.model_dump(), indent=2),
        "machine": json.dumps({key: run.provenances[0].get(key) for key in ("hardware", "versions")}, indent=2)
        if run.provenances
        else "",
    }


def _alike(notices: Sequence[tuple[str, str]]) -> list[Row]:
    """Notices that differ in names and numbers only as one, with the stages that gave them."""
    kinds: dict[str, Row] = {}
    for stage, text in notices:
        entry = kinds.setdefault(kind_of(text), {"stages": [], "text": text, "count": 0})
        entry["count"] += 1
        if stage not in entry["stages"]:
            entry["stages"].append(stage)
    return [{**entry, "stages": ", ".join(entry["stages"])} for entry in kinds.values()]


def _row(record: Row) -> Row:
    summary = record.get("summary", {})
    values = {name: value for name, value in summary.items() if isinstance(value, int | float | str)}
    texts = [
        f"{name.replace('_', ' ')} {f'{value:.3g}' if isinstance(value, float) else value}"
        for name, value in values.items()
    ]
    more = [f"and {len(texts) - _MOST_VALUES} more"] if len(texts) > _MOST_VALUES else []
    return {
        "stage": record["stage"],
        "seconds": float(record["seconds"]),
        "summary": ", ".join([*texts[:_MOST_VALUES], *more]),
    }


def _charts(records: Sequence[Row]) -> list[BarChart]:
    if not records:
        return []
    seconds = {record["stage"].replace("_", " "): {"seconds": round(float(record["seconds"]), 1)} for record in records}
    return [BarChart("Seconds of each stage", "seconds", seconds, decimals=1)]
