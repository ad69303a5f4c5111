"""Charts as SVG text, the same bytes for the same numbers."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

_STYLE = {
    "svg.hashsalt": "corrtrack",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}


def curves(series: Mapping[str, Sequence[float]], *, x_label: str, y_label: str) -> str:
    """Line chart of named series over 1, 2, 3, ...; SVG text."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.2, 2.4), layout="constrained")
        axes = figure.subplots()
        for name, values in series.items():
            axes.plot(range(1, len(values) + 1), values, marker="." if len(values) < 30 else "", label=name)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if len(series) > 1:
            axes.legend(frameon=False)
        return _svg(figure)


def bars(values: Mapping[str, Mapping[str, float]], *, x_label: str) -> str:
    """Grouped horizontal bars: group -> (name -> value); SVG text."""
    with mpl.rc_context(_STYLE):
        names = list(dict.fromkeys(name for group in values.values() for name in group))
        figure = Figure(figsize=(6.4, 0.5 + 0.22 * len(values) * max(len(names), 1)), layout="constrained")
        axes = figure.subplots()
        height = 0.8 / max(len(names), 1)
        for position, name in enumerate(names):
            shown = [(row, group[name]) for row, group in enumerate(values.values()) if name in group]
            axes.barh([row + position * height for row, _ in shown], [value for _, value in shown], height, label=name)
        axes.set_yticks([row + 0.4 - height / 2 for row in range(len(values))], list(values))
        axes.invert_yaxis()
        axes.set_xlabel(x_label)
        axes.legend(frameon=False)
        return _svg(figure)


@dataclass(frozen=True)
class Chart:
    """One small chart of a grid: series of points x, y by name."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Sequence[tuple[float, float]]]


def panels(grid: Sequence[Sequence[Chart]]) -> str:
    """Line charts in rows under one legend, each with a scale of its own; SVG text."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(2.3 * len(grid[0]), 0.5 + 1.9 * len(grid)), layout="constrained")
        axes = figure.subplots(len(grid), len(grid[0]), squeeze=False)
        for row, charts in zip(axes, grid, strict=True):
            for axis, panel in zip(row, charts, strict=True):
                for name, points in panel.series.items():
                    axis.plot(*zip(*points, strict=True), marker=".", label=name)
                axis.set_title(panel.title, fontsize=9)
                axis.set_xlabel(panel.x_label)
            row[0].set_ylabel(charts[0].y_label)
        handles, names = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
        return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
