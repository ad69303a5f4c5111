"""Charts as SVG text, the same bytes for the same numbers."""

import io
from collections.abc import Mapping, Sequence

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
        for place, name in enumerate(names):
            shown = [(row, group[name]) for row, group in enumerate(values.values()) if name in group]
            axes.barh([row + place * height for row, _ in shown], [value for _, value in shown], height, label=name)
        axes.set_yticks([row + 0.4 - height / 2 for row in range(len(values))], list(values))
        axes.invert_yaxis()
        axes.set_xlabel(x_label)
        axes.legend(frameon=False)
        return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
