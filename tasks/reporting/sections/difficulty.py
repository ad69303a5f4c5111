"""Metrics and identity switches by the tags of the videos."""

import json
from typing import Final

from tasks.reporting import gather
from tasks.reporting.charts.bars import BarChart
from tasks.reporting.gather import Row
from tasks.reporting.labels import label
from tasks.reporting.run_facts import Absent, RunFacts

METHODS: Final = {"OKS": 0, "Optical flow": 1, "Re-ID": 2, "Correspondences": 3}
"""Style of each tracking method in every chart."""


def difficulty(run: RunFacts) -> Row | Absent:
    """A row and bars for each tag."""
    rows = gather.by_scope(run.scores, "tag", "tag")
    if not rows:
        return Absent("No video has a difficulty tag and scores, so there are no results by difficulty.")
    merged = {row["tag"]: row for row in gather.by_scope(run.scores, "tag", "tag", tracks="merged")}
    for row in rows:
        row["identity switches, merged"] = merged.get(row["tag"], {}).get("identity switches")
        row["tag"] = label(row["tag"])
    return {"rows": rows, "charts": [_percents(rows), *_switches(run)]}


def _percents(rows: list[Row]) -> BarChart:
    groups = {row["tag"]: {name: row[name] for name in ("mAP", "MOTA") if row.get(name) is not None} for row in rows}
    return BarChart("mAP and MOTA, percent", "percent", groups, decimals=1)


def _switches(run: RunFacts) -> list[BarChart]:
    """Identity switches of each tracking method by tag, one chart for each source of boxes."""
    path = run.workspace.reports / "tables" / "table_2.json"
    rows = json.loads(path.read_text(encoding="utf-8")).get("switches_by_tag", []) if path.is_file() else []
    charts = []
    for boxes in dict.fromkeys(row["boxes"] for row in rows):
        of_boxes = [row for row in rows if row["boxes"] == boxes]
        tags = [name for name in of_boxes[0] if name not in ("method", "boxes")]
        groups = {label(tag): {row["method"]: float(row[tag]) for row in of_boxes} for tag in tags}
        title = f"Identity switches by method, {boxes} boxes, summed over joints"
        charts.append(BarChart(title, "switches", groups, styles=METHODS))
    return charts
