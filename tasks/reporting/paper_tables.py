"""Titles and readings of the paper's tables, as `ablate` writes them."""

from pathlib import Path
from typing import Any

from tasks.reporting.gather import read_json_files

_TITLES = {
    "table_2": "Table 2. Correspondences against tracking baselines",
    "table_3": "Table 3. Output joint threshold and recovery",
    "table_4": "Table 4. Multi-frame pose estimation, average precision per joint",
    "table_5": "Table 5. Tracking, with and without merging",
    "table_6": "Table 6. Threshold of the affinities",
    "table_7": "Table 7. Refinement and duplicate removal",
    "training_source": "Section 6.1. Source of the correspondence training",
}


def paper_tables(folder: Path) -> list[dict[str, Any]]:
    """The tables in `folder` (reports/tables) that have rows, in the paper's order, each with a title."""
    found = read_json_files(folder, "*.json")
    absent: dict[str, Any] = {"notes": [], "competence": []}
    return [
        absent | {"title": title} | found[name] for name, title in _TITLES.items() if found.get(name, {}).get("rows")
    ]
