"""Bars with their values written at them, and the interval of a metric between 0 and 100 percent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tasks.reporting.charts.axes import WIDTH, Scale, line, number_text, svg, text

_BAR, _GAP, _NAMES, _VALUES = 13, 9, 112, 44
_GAUGE_HEIGHT: Final = 26


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars in groups: group -> (name -> value)."""

    title: str
    unit: str
    groups: Mapping[str, Mapping[str, float]]
    decimals: int = 0
    styles: Mapping[str, int] | None = None
    """Number of the style of a name, where charts share a legend; else by order."""

    @property
    def names(self) -> list[str]:
        """Names of the bars of a group, in the order of the legend."""
        return list(dict.fromkeys(name for group in self.groups.values() for name in group))

    def style_of(self, name: str) -> int:
        """Number of the style of the bars with that name."""
        return (self.styles or {}).get(name, self.names.index(name))

    @property
    def legend(self) -> list[tuple[int, str]]:
        """Number of the style and name of each bar of a group; nothing where there is a single bar."""
        return [(self.style_of(name), name) for name in self.names] if len(self.names) > 1 else []

    @property
    def picture(self) -> Markup:
        """The chart as SVG."""
        values = [value for group in self.groups.values() for value in group.values()] or [0.0]
        low = min(0.0, *values)
        room = _VALUES if low < 0 else 0
        x = Scale(low, max(0.0, *values), _NAMES + room, WIDTH - _VALUES)
        parts, top = [], 4.0
        for name, group in self.groups.items():
            middle = top + len(group) * _BAR / 2
            parts.append(text(_NAMES - 8, middle + 4, name, anchor="end"))
            for bar, value in group.items():
                parts += _bar(x, top, value, self.style_of(bar), f"{value:.{self.decimals}f}")
                top += _BAR
            top += _GAP
        parts.append(line(x(0), 0, x(0), top - _GAP + 4, "axis"))
        return svg(max(top, _BAR), parts, self.description)

    @property
    def description(self) -> str:
        """The chart in words."""
        rows = (f"{name}: {_listed(group, self.unit)}" for name, group in self.groups.items())
        return f"{self.title}. {'; '.join(rows)}."


def _listed(group: Mapping[str, float], unit: str) -> str:
    if len(group) == 1:
        return f"{number_text(next(iter(group.values())))} {unit}"
    return ", ".join(f"{name} {number_text(value)}" for name, value in group.items())


def _bar(x: Scale, top: float, value: float, style: int, written: str) -> list[str]:
    start, end = sorted((x(0), x(value)))
    at, anchor = (end + 5, "start") if value >= 0 else (start - 5, "end")
    shape = f'<rect x="{start:g}" y="{top:g}" width="{end - start:g}" height="{_BAR - 2}" class="bar s{style}"/>'
    return [shape, text(at, top + _BAR - 3, written, anchor=anchor, kind="value")]


def gauge(value: float, bounds: Sequence[float] | None, ceiling: float | None, description: str) -> Markup:
    """A percentage on a line from 0 to 100, with its interval as a band and its ceiling as a stroke."""
    x = Scale(0, 100, 4, WIDTH - 4)
    clipped = min(max(value, 0.0), 100.0)
    middle = _GAUGE_HEIGHT / 2
    parts = [line(x.start, middle, x.end, middle, "axis")]
    if bounds:
        low, high = (x(min(max(bound, 0.0), 100.0)) for bound in bounds)
        parts.append(f'<rect x="{low:g}" y="{middle - 5:g}" width="{high - low:g}" height="10" class="band s0"/>')
    if ceiling is not None:
        parts.append(line(x(ceiling), 3, x(ceiling), _GAUGE_HEIGHT - 3, "ceiling"))
    parts.append(f'<circle cx="{x(clipped):g}" cy="{middle:g}" r="5" class="mark s0"/>')
    return svg(_GAUGE_HEIGHT, parts, description)
