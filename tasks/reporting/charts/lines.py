"""Line charts: series that differ in colour, mark and dash, with levels such as chance and ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from tasks.reporting.charts.axes import WIDTH, Scale, described, line, number_text, svg, text, ticks

Points = Sequence[tuple[float, float]]
_LEFT, _TOP, _RIGHT, _BOTTOM, _HEIGHT = 38, 22, 12, 34, 220
_STYLES: Final = 8
"""Styles of series in the page's style sheet; a ninth series looks like the first."""
_MARKED: Final = 16
"""Series with more points are drawn without marks."""


@dataclass(frozen=True)
class LineChart:
    """Series of points (x, y) by name, in the order of the legend."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Points]
    levels: Mapping[str, float] = field(default_factory=dict)
    """Named horizontal lines."""
    styles: Mapping[str, int] = field(default_factory=dict)
    """Number of the style of a series, where charts share a legend; else by order."""
    whole_x: bool = False
    """Whether x counts something."""
    y_range: tuple[float, float] | None = None
    """Values that the axis holds at least."""
    x_range: tuple[float, float] | None = None
    """The same of x."""
    width: int = WIDTH

    def style_of(self, name: str) -> int:
        """Number of the style of a series."""
        return self.styles.get(name, list(self.series).index(name)) % _STYLES

    @property
    def legend(self) -> list[tuple[int, str]]:
        """Number of the style and name of each series."""
        return [(self.style_of(name), name) for name in self.series]

    @property
    def picture(self) -> Markup:
        """The chart as SVG."""
        x_ticks, y_ticks = self._ticks()
        x = Scale(x_ticks[0], x_ticks[-1], _LEFT, self.width - _RIGHT)
        y = Scale(y_ticks[0], y_ticks[-1], _HEIGHT - _BOTTOM, _TOP)
        parts = [*_grid(x, y, x_ticks, y_ticks), text(0, 12, self.y_label, kind="axis-title")]
        parts.append(text(self.width - _RIGHT, _HEIGHT - 4, self.x_label, anchor="end", kind="axis-title"))
        for name, value in self.levels.items():
            parts += [line(_LEFT, y(value), self.width - _RIGHT, y(value), "level")]
            parts += [text(self.width - _RIGHT, y(value) - 4, name, anchor="end", kind="level-name")]
        for name, points in self.series.items():
            parts += _curve(points, x, y, self.style_of(name))
        return svg(_HEIGHT, parts, self.description, width=self.width)

    @property
    def description(self) -> str:
        """The chart in words."""
        series = "; ".join(described(name, points) for name, points in self.series.items())
        levels = "".join(f"; {name}: {number_text(value)}" for name, value in self.levels.items())
        return f"{self.title}: {self.y_label} by {self.x_label}. {series}{levels}."

    def _ticks(self) -> tuple[list[float], list[float]]:
        points = [point for values in self.series.values() for point in values] or [(0.0, 0.0)]
        ys = [y for _, y in points] + list(self.levels.values()) + list(self.y_range or ())
        xs = [x for x, _ in points] + list(self.x_range or ())
        return ticks(min(xs), max(xs), whole=self.whole_x), ticks(min(ys), max(ys))


def _grid(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> list[str]:
    parts = []
    for value in y_ticks:
        parts.append(line(x.start, y(value), x.end, y(value), "grid"))
        parts.append(text(x.start - 6, y(value) + 4, number_text(value), anchor="end"))
    parts += [text(x(value), y.start + 16, number_text(value), anchor="middle") for value in x_ticks]
    return [*parts, line(x.start, y.start, x.end, y.start, "axis")]


def _curve(points: Points, x: Scale, y: Scale, style: int) -> list[str]:
    path = " ".join(f"{x(a):g},{y(b):g}" for a, b in points)
    parts = [f'<polyline points="{path}" class="series s{style}"/>']
    if len(points) <= _MARKED:
        parts += [_mark(x(a), y(b), style, f"{number_text(b)} at {number_text(a)}") for a, b in points]
    return parts


def _mark(x: float, y: float, style: int, words: str) -> str:
    """The mark of a series at (x, y): its shape repeats what its colour says; under a pointer it tells its value."""
    kind, title = f'class="mark s{style}"', f"<title>{words}</title>"
    shape = style % 4
    if shape == 0:
        return f'<circle cx="{x:g}" cy="{y:g}" r="3.2" {kind}>{title}</circle>'
    corners = {
        1: ((-3, -3), (3, -3), (3, 3), (-3, 3)),
        2: ((0, -4), (4, 3), (-4, 3)),
        3: ((0, -4.4), (4.4, 0), (0, 4.4), (-4.4, 0)),
    }[shape]
    return f'<polygon points="{" ".join(f"{x + dx:g},{y + dy:g}" for dx, dy in corners)}" {kind}>{title}</polygon>'
