"""The paper's tables as `ablate` writes them, with titles, findings and thresholds as sentences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tasks.reporting.gather import Row, read_json_files
from tasks.reporting.labels import value_text

_TITLES: Final = {
    "table_2": "Table 2. Correspondences against tracking baselines",
    "table_3": "Table 3. Output keypoint threshold and recovery",
    "table_4": "Table 4. Multi-frame pose estimation, average precision for each joint",
    "table_5": "Table 5. Tracking, with and without merging",
    "table_6": "Table 6. Threshold of the affinities",
    "table_7": "Table 7. Refinement and duplicate removal",
}
_OF_TREND_RUN: Final = {"training_source": "Section 6.1. Source of the correspondence training"}
"""Tables that `corrtrack trend` writes, which runs on corpora of its own."""


def paper_tables(folder: Path) -> list[Row]:
    """The tables in `folder` (reports/tables) that have rows, in the paper's order."""
    tables = read_json_files(folder, "*.json")
    titles = _TITLES | _OF_TREND_RUN
    return [_shown(name, title, tables[name]) for name, title in titles.items() if tables.get(name, {}).get("rows")]


def _shown(name: str, title: str, table: Mapping[str, Any]) -> Row:
    measured = "Not of this run: the last trend run" if name in _OF_TREND_RUN else "This run"
    return {
        "title": title,
        "rows": table["rows"],
        "caption": f"{measured}, {table['corpus']}",
        "published": table["published"],
        "findings": table.get("findings", []),
        "standalone_accuracy": table.get("standalone_accuracy", []),
        "notes": [*_thresholds(table), *table.get("notes", [])],
    }


def _thresholds(table: Mapping[str, Any]) -> list[str]:
    """Which thresholds were in use, which a sweep preferred, and which were chosen, each only where it is so."""
    sentences = []
    if table.get("in_use"):
        sentences.append(f"Thresholds in use: {_assignments(table['in_use'])}.")
    for name, choice in table.get("swept", {}).items():
        if choice["best"] is None:
            sentences.append(f"A sweep of {name} on the training videos gave no defined MOTA.")
            continue
        motas = dict(zip(choice["tried"], choice["MOTA"], strict=True))
        used, best = (f"{value_text(choice[key])} (MOTA {_mota(motas[choice[key]])})" for key in ("used", "best"))
        verdict = "the value in use is the best" if choice["best"] == choice["used"] else f"the best is {best}"
        sentences.append(f"In a sweep of {name} on the training videos, {verdict}; in use: {used}.")
    if table.get("chosen"):
        sentences.append(f"Chosen on the training videos: {_assignments(table['chosen'])}.")
    return sentences


def _mota(value: float | None) -> str:
    return value_text(value, "MOTA")


def _assignments(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value_text(value)}" for name, value in values.items())
