"""Metrics by joint, in the order of the body, with the curves of precision and recall."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from tasks.reporting import gather
from tasks.reporting.charts.lines import LineChart, Points
from tasks.reporting.gather import Row
from tasks.reporting.labels import label
from tasks.reporting.run_facts import Absent, RunFacts

_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Head": {"Head top": "head_top", "Nose": "nose", "Neck": "neck"},
    **{
        f"{name.capitalize()}s": {"Left": f"left_{name}", "Right": f"right_{name}"}
        for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    },
}
"""Charts and their curves."""


def joints(run: RunFacts) -> Row | Absent:
    """A row for each joint, and the charts."""
    rows = gather.by_joint(run.scores)
    if not rows:
        return Absent("Nothing was scored, so there are no results by joint.")
    path = run.workspace.artifacts / "plots" / "precision_recall.csv"
    charts = _charts(pd.read_csv(path)) if path.is_file() else []
    return {"rows": rows, "charts": charts}


def _charts(table: pd.DataFrame) -> list[LineChart]:
    curves: dict[str, Points] = {
        str(joint): list(zip(rows["recall"].tolist(), rows["precision"].tolist(), strict=True))
        for joint, rows in table.groupby("joint")
    }
    return [
        LineChart(
            title,
            "recall",
            "precision",
            {label(name): curves[joint] for name, joint in names.items() if joint in curves},
            y_range=(0.0, 1.0),
            x_range=(0.0, 1.0),
        )
        for title, names in _GROUPS.items()
        if any(joint in curves for joint in names.values())
    ]
