"""The page of a grid: one table and one plot that need nothing from elsewhere; JSON beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.comparison.grid import GridPoint, ParamsGrid
from tasks.comparison.interval_chart import Interval, IntervalChart
from tasks.reporting.html import render
from tasks.whole_files import write_whole


def write_grid(grid: ParamsGrid, path: Path, **about: str) -> Path:
    """Write the page `<path>.html` and `<path>.json`, with further facts `about` the grid; return the page."""
    content = grid.content() | about
    write_whole(Path(f"{path}.json"), json.dumps(content, indent=2, allow_nan=False) + "\n")
    page = render(
        "sweep.html",
        **content,
        keys=", ".join(grid.points[0].values),
        seeds=len(grid.points[0].by_seed),
        columns=[*grid.points[0].values, *column_names(grid)],
        rows=[cells(grid, point) for point in (grid.present, *grid.points)],
        sentences=sentences(grid),
        chart=_chart(grid),
    )
    return write_whole(Path(f"{path}.html"), page)


def column_names(grid: ParamsGrid) -> list[str]:
    """Headings of the columns behind the swept keys."""
    scores = [f"{_prefix(kind)}{name}" for kind in grid.present.totals for name in ("mAP", "MOTA", "switches")]
    if "merged mAP" in scores:
        scores.remove("merged mAP")  # merging changes identities, not poses
    return [*scores, "difference", "95 % interval", "verdict"]


def cells(grid: ParamsGrid, point: GridPoint) -> list[str]:
    """The cells of a point's row; the present params, which are compared with, have empty cells behind the scores."""
    scores = []
    for kind, totals in point.totals.items():
        scores += [] if _prefix(kind) else [_number(totals.mean_ap)]
        scores += [
            _number(totals.mota),
            f"{totals.switches:g}" if totals.switches % 1 == 0 else f"{totals.switches:.1f}",
        ]
    values = [point.values.get(key, "present") for key in grid.points[0].values]
    if point is grid.present:
        return [*values, *scores, "", "", ""]
    judged = [f"{point.difference:+.1f}", f"{point.low:+.1f} to {point.high:+.1f}", point.verdict]
    return [*values, *scores, *judged]


def sentences(grid: ParamsGrid) -> list[str]:
    """What to take from the grid: its best row, and how much of that may be noise."""
    best, beside = grid.points[grid.best], sum(point.is_beside_best for point in grid.points) - 1
    lines = [
        f"highest MOTA of {grid.kind}: {_label(best.values)}, {best.difference:+.1f} "
        f"({best.low:+.1f} to {best.high:+.1f}), {best.verdict} against the present params"
    ]
    if best.verdict == "no evidence":
        lines.append("within noise: its difference to the present params may be chance")
    if beside:
        others = "1 other point" if beside == 1 else f"{beside} other points"
        lines.append(f"within noise: {others} of {len(grid.points)} cannot be distinguished from the best")
    if len(best.by_seed) > 1:
        listed = ", ".join(f"{value:+.1f}" for value in best.by_seed)
        lines.append(f"its difference by seed: {listed}")
    return lines


def _chart(grid: ParamsGrid) -> IntervalChart:
    """The difference of each point that has an interval, named by the keys that vary."""
    varied = [key for key in grid.points[0].values if len({point.values[key] for point in grid.points}) > 1]
    rows = {
        _label({key: point.values[key] for key in varied or point.values}): Interval(
            point.low, point.difference, point.high, point.by_seed if len(point.by_seed) > 1 else ()
        )
        for point in grid.points
        if point.low == point.low
    }
    return IntervalChart(f"MOTA of {grid.kind}, difference to the present params", "percent", rows)


def _label(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _prefix(kind: str) -> str:
    return "merged " if kind.startswith("merged") else ""


def _number(value: float) -> str:
    return "undefined" if value != value else f"{value:.1f}"
