"""Charts of those of the paper's tables whose rows are a curve or a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.reporting.charts.bars import BarChart
from tasks.reporting.charts.lines import LineChart
from tasks.reporting.sections.difficulty import METHODS

Row = Mapping[str, Any]
_POSES = {"detected": 0, "detected and recovered": 1}


def charts_of(table: str, rows: Sequence[Row]) -> list[LineChart | BarChart]:
    """Charts of this run's rows of a table, by its name in reports/tables."""
    if table == "table_2":
        return [_switches(rows)]
    if table == "table_3":
        return [_by_threshold(rows, metric) for metric in ("mAP", "MOTA")]
    return []


def _switches(rows: Sequence[Row]) -> BarChart:
    groups = {
        f"{boxes.capitalize()} boxes": {
            row["method"]: float(row["IDSW"]) for row in rows if row["boxes"] == boxes and row["IDSW"] is not None
        }
        for boxes in dict.fromkeys(row["boxes"] for row in rows)
    }
    return BarChart("Identity switches by method, this run, summed over joints", "switches", groups, styles=METHODS)


def _by_threshold(rows: Sequence[Row], metric: str) -> LineChart:
    series = {
        poses: [
            (row["output_keypoint_threshold"], row[metric])
            for row in rows
            if row["poses"] == poses and row[metric] is not None
        ]
        for poses in _POSES
    }
    shown = {poses: points for poses, points in series.items() if points}
    return LineChart(
        f"{metric} against the joint threshold, this run",
        "output joint threshold",
        f"{metric}, percent",
        shown,
        styles=_POSES,
    )
