"""What the rows of a table say about the trend that it is there to show, and how a table reads."""

import csv
import io
from typing import Any

import pytest

from tasks.reporting.grid import Column, Grid, grid_of
from tasks.reporting.labels import decimals_of, value_text
from tasks.reporting.sections.trends import trend_of

Rows = list[dict[str, Any]]


def methods(ours: tuple[int, float], others: tuple[int, float] = (100, 50.0)) -> Rows:
    values = {"OKS": others, "Correspondences": ours}
    return [{"method": name, "boxes": "detected", "IDSW": idsw, "MOTA": mota} for name, (idsw, mota) in values.items()]


def recovery(after: tuple[float, float]) -> Rows:
    metrics = {"detected": (60.0, 50.0), "detected and recovered": after}
    return [
        {"output_keypoint_threshold": 0.3, "poses": poses, "mAP": ap, "MOTA": mota}
        for poses, (ap, mota) in metrics.items()
    ]


def merging(mota: float | None) -> Rows:
    return [{"method": "this run, merged", "MOTA": mota}, {"method": "this run", "MOTA": 50.0}]


def thresholds(*motas: float) -> Rows:
    return [{"tau_corr": 0.1 * (at + 1), "MOTA": mota} for at, mota in enumerate(motas)]


def design(refinement: float, removal: float) -> Rows:
    names = ("correspondence tracking", "without refinement", "without duplicate removal")
    motas = (50.0, refinement, removal)
    return [{"design": name, "MOTA": mota, "IDSW": 10 + (mota < 50)} for name, mota in zip(names, motas, strict=True)]


@pytest.mark.parametrize(
    ("table", "rows", "verdict", "reason"),
    [
        ("table_2", methods((90, 51.0)), "seen", "Detected boxes: rank 1 of 2 by MOTA"),
        ("table_2", methods((110, 51.0)), "partly seen", "detected boxes: rank 2 of 2 by switches"),
        ("table_2", methods((110, 49.0)), "not seen", "Detected boxes: rank 2 of 2 by MOTA"),
        ("table_3", recovery((61.0, 51.0)), "seen", "mAP rises at 1 of 1 thresholds"),
        ("table_3", recovery((61.0, 49.0)), "partly seen", "MOTA rises at 0 of 1 thresholds"),
        ("table_4", [{"method": "this run"}], "not comparable", "were not run on this corpus"),
        ("table_5", merging(50.5), "seen", "Merging: MOTA +0.50"),
        ("table_5", merging(50.0), "not seen", "Merging: MOTA +0.00"),
        ("table_5", merging(None), "not seen", "No metric is defined"),
        ("table_6", thresholds(50.0, 50.4), "seen", "0.40 points"),
        ("table_6", thresholds(50.0, 47.0), "not seen", "3.00 points"),
        ("table_7", design(48.0, 48.5), "seen", "Refinement: MOTA +2.00, switches -1"),
        ("table_7", design(48.0, 50.2), "partly seen", "duplicate removal: MOTA -0.20, switches +0"),
    ],
)
def test_a_verdict_follows_from_the_rows(table: str, rows: Rows, verdict: str, reason: str) -> None:
    trend = trend_of(table, rows)
    assert trend is not None
    assert trend.verdict == verdict
    assert reason in trend.reason


def test_a_table_of_no_trend_has_no_verdict() -> None:
    assert trend_of("training_source", [{"source": "coco"}]) is None
    assert trend_of("table_2", []) is None


@pytest.mark.parametrize(
    ("heading", "values", "text"),
    [
        ("MOTA", [53.97], "54.0"),
        ("Value", [0.161, 5.9], "0.16"),
        ("Threshold", [0.0, 0.1], "0.0"),
        ("Smallest similarity", [0.0022, 0.152], "0.0022"),
        ("Seconds", [0.86, 58.47], "0.9"),
    ],
)
def test_numbers_of_a_column_have_like_decimals(heading: str, values: list[float], text: str) -> None:
    assert value_text(values[0], heading, decimals_of(heading, values)) == text


def test_the_best_of_a_column_is_sought_among_rows_that_may_be_compared() -> None:
    rows = [{"boxes": "a", "x": 3}, {"boxes": "a", "x": 1}, {"boxes": "b", "x": 9}, {"boxes": "b", "x": 9}]
    grid = Grid(rows, [Column("boxes", "Boxes"), Column("x", "X", better="low")], best_within="boxes")
    assert [row[1].is_best for row in grid.cells] == [False, True, False, False], "equal values have no best"


def test_the_files_of_a_table_hold_its_values() -> None:
    grid = grid_of([{"name": "a_b & 50 %", "MOTA": 1.25}, {"name": "c,d", "MOTA": None}], "Two", file_name="two")
    texts = {kind: name for kind, name, _ in grid.files}
    assert texts == {"JSON": "two.json", "CSV": "two.csv", "LaTeX": "two.tex"}
    assert list(csv.reader(io.StringIO(grid.csv_text))) == [["Name", "MOTA"], ["a_b & 50 %", "1.25"], ["c,d", ""]]
    assert r"a\_b \& 50 \% & 1.2 \\" in grid.latex_text
    assert r"c,d & -- \\" in grid.latex_text
