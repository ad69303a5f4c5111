"""What the trainings of this run changed, and the learning curves of the weights that they started from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from tasks.code_files import REPOSITORY
from tasks.reporting.charts.lines import LineChart, Points
from tasks.reporting.gather import Row, read_json_files
from tasks.reporting.grid import grid_of
from tasks.reporting.run_facts import Absent, RunFacts

_CURVES: Final = REPOSITORY / "models" / "weights" / "curves"
_FEW: Final = 3
"""Epochs below which a training is a row before and after, not a curve."""


@dataclass(frozen=True)
class _Training:
    """The measure of a network on held-out data that a person should look at."""

    network: str
    measure: str
    columns: Mapping[str, str]
    """Name of each curve, and its column."""
    files: tuple[str, ...]
    """Curves of the starting weights, in the order of training."""
    chance_of: str = ""
    """Start of the method's name in the standalone accuracy of table 2, which holds the chance level."""


_TRAININGS: Final = {
    "pretrain": _Training("Pose network, COCO", "keypoints within half a head, share", {"Pose": "pck"}, ()),
    "finetune": _Training(
        "Pose network, PoseTrack",
        "keypoints within half a head, share",
        {"Pose": "pck"},
        ("finetune_round_1", "finetune_round_2", "finetune_round_3", "finetune"),
    ),
    "train_siamese": _Training(
        "Siamese network",
        "keypoints within 2 cells, share",
        {"Maps S": "pck_siamese"},
        ("train_siamese_round_1", "train_siamese"),
        "Correspondences",
    ),
    "train_refinement": _Training(
        "Refinement",
        "keypoints within 2 cells, share",
        {"Maps S": "pck_siamese", "Maps C": "pck_refined"},
        ("train_refinement",),
        "Correspondences",
    ),
    "train_reid": _Training(
        "Re-identification", "rank-1, share", {"Re-identification": "rank_1"}, ("train_reid",), "Re-ID"
    ),
}


def training(run: RunFacts) -> Row | Absent:
    """Rows before and after each training of the run, curves of long trainings, and those of the starting weights."""
    chances = _chances(run.workspace.reports)
    tables = {
        stage: table for stage in _TRAININGS if len(table := _table(run.workspace.artifacts / "plots" / f"{stage}.csv"))
    }
    starting = [chart for stage in _TRAININGS if (chart := _starting(stage, chances))] if tables else []
    if not tables:
        return Absent("No network was trained in this run.")
    return {
        "grid": grid_of(
            [row for stage, table in tables.items() for row in _rows(stage, table, chances)],
            "Accuracy on held-out data before and after the training",
            file_name="training",
            absent="not measured",
        ),
        "charts": [_chart(stage, [table], chances) for stage, table in tables.items() if len(table) >= _FEW],
        "starting": starting,
        "reliability": _reliability(run.workspace.artifacts / "plots"),
    }


def _rows(stage: str, table: pd.DataFrame, chances: Mapping[str, float]) -> list[Row]:
    facts = _TRAININGS[stage]
    return [
        {
            "network": facts.network if len(facts.columns) == 1 else f"{facts.network}, {name}",
            "measure": facts.measure,
            "epochs": int(table["epoch"].max()),
            "before": float(table[column].iloc[0]) if table["epoch"].iloc[0] == 0 else None,
            "after": float(table[column].iloc[-1]),
            "chance": chances.get(facts.chance_of),
            "ceiling": 1.0,
        }
        for name, column in facts.columns.items()
        if column in table and table[column].notna().any()
    ]


def _starting(stage: str, chances: Mapping[str, float]) -> LineChart | None:
    tables = [table for name in _TRAININGS[stage].files if len(table := _table(_CURVES / f"{name}.csv"))]
    return _chart(stage, tables, chances) if tables else None


def _chart(stage: str, tables: list[pd.DataFrame], chances: Mapping[str, float]) -> LineChart:
    """The measure over the epochs of trainings that follow each other."""
    facts = _TRAININGS[stage]
    series = {name: _joined(tables, column) for name, column in facts.columns.items()}
    levels = {"ceiling": 1.0} | ({"chance": chances[facts.chance_of]} if facts.chance_of in chances else {})
    rounds = f", {len(tables)} rounds" if len(tables) > 1 else ""
    return LineChart(f"{facts.network}{rounds}", "epoch", facts.measure, series, levels, whole_x=True, y_range=(0, 1))


def _joined(tables: list[pd.DataFrame], column: str) -> Points:
    points, before = [], 0.0
    for table in tables:
        rows = table[table["epoch"] > 0] if before else table
        known = rows[rows[column].notna()] if column in rows else rows.iloc[:0]
        points += [(before + float(e), float(v)) for e, v in zip(known["epoch"], known[column], strict=True)]
        before += float(table["epoch"].max())
    return points


def _chances(reports: Path) -> dict[str, float]:
    rows = read_json_files(reports / "tables", "table_2.json").get("table_2", {}).get("standalone_accuracy", [])
    names = {facts.chance_of for facts in _TRAININGS.values() if facts.chance_of}
    return {name: float(row["chance level"]) for name in names for row in rows if str(row["method"]).startswith(name)}


def _reliability(plots: Path) -> LineChart | None:
    """Predicted against observed shares of the maps C of this run, as trained and calibrated; else of the weights."""
    files = {plots / "train_refinement_reliability.csv": "this run", _CURVES / "reliability.csv": "starting weights"}
    for path, of_what in files.items():
        table = _table(path)
        if {"kind", "predicted", "observed"} <= set(table.columns):
            return _reliability_chart(table, of_what)
    return None


def _reliability_chart(table: pd.DataFrame, of_what: str) -> LineChart:
    series: dict[str, Points] = {
        str(kind).replace("_", " "): [
            (float(a), float(b)) for a, b in zip(rows["predicted"], rows["observed"], strict=True)
        ]
        for kind, rows in table.groupby("kind")
    }
    series["perfect"] = [(0.0, 0.0), (1.0, 1.0)]
    title = f"Reliability of the refined maps C, {of_what}"
    return LineChart(title, "predicted", "observed share", series, y_range=(0, 1))


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()
