"""Differences with their intervals, a row for each, on one scale through 0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from markupsafe import Markup

from tasks.reporting.charts.axes import WIDTH, Scale, line, number_text, svg, text, ticks

_ROW: Final = 34
_TOP, _SIDE = 6, 10


@dataclass(frozen=True)
class Interval:
    """A value with its interval, and single values that it is the mean of."""

    low: float
    value: float
    high: float
    singles: Sequence[float] = ()


@dataclass(frozen=True)
class IntervalChart:
    """Named intervals below each other: the interval as a band, the value as a mark, single values as strokes."""

    title: str
    unit: str
    rows: Mapping[str, Interval]
    legend: ClassVar[list[tuple[int, str]]] = []

    @property
    def picture(self) -> Markup:
        """The chart as SVG."""
        bounds = [value for row in self.rows.values() for value in (row.low, row.high, *row.singles)]
        marks = ticks(min(0.0, *bounds), max(0.0, *bounds))
        x = Scale(marks[0], marks[-1], _SIDE, WIDTH - _SIDE)
        bottom = _TOP + _ROW * len(self.rows)
        parts = [line(x(mark), _TOP, x(mark), bottom, "axis" if mark == 0 else "grid") for mark in marks]
        parts += [text(x(mark), bottom + 14, number_text(mark), anchor="middle") for mark in marks]
        for number, (name, row) in enumerate(self.rows.items()):
            parts += _row(x, _TOP + number * _ROW, name, row)
        return svg(bottom + 20, parts, self.description)

    @property
    def description(self) -> str:
        """The chart in words."""
        rows = (
            f"{name}: {number_text(row.value)} {self.unit}, {number_text(row.low)} to {number_text(row.high)}"
            for name, row in self.rows.items()
        )
        return f"{self.title}. {'; '.join(rows)}."


def _row(x: Scale, top: float, name: str, row: Interval) -> list[str]:
    middle, low, high = top + 23, x(row.low), x(row.high)
    return [
        text(x.start, top + 12, name),
        f'<rect x="{low:g}" y="{middle - 5:g}" width="{max(high - low, 1):g}" height="10" class="band s0"/>',
        *(line(x(single), middle - 6, x(single), middle + 6, "ceiling") for single in row.singles),
        f'<circle cx="{x(row.value):g}" cy="{middle:g}" r="4" class="mark s0"/>',
    ]
