"""The frame that every chart shares: a scale for each direction, its ticks, and text that is escaped."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 340
"""Of a chart, px; the page shows it at about that size, on a phone too, so that its text can be read."""
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """A linear map from values to px."""

    low: float
    high: float
    start: float
    """Px of `low`."""
    end: float
    """Px of `high`."""

    def __call__(self, value: float) -> float:
        """Px of a value, to a tenth."""
        span = self.high - self.low or 1.0
        return round(self.start + (value - self.low) / span * (self.end - self.start), 1)


def ticks(low: float, high: float, *, count: int = 5, whole: bool = False) -> list[float]:
    """Round values that enclose `low` and `high`, at most about `count` of them; `whole` allows integers only."""
    span = high - low or abs(high) or 1.0
    raw = span / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in _STEPS if power * factor >= raw * 0.999)
    if whole:
        step = max(1.0, float(math.ceil(step)))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def number_text(value: float) -> str:
    """A value of an axis or at a bar, without needless digits."""
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def text(x: float, y: float, content: str, *, anchor: str = "start", kind: str = "") -> str:
    """A line of text; `anchor` is start, middle or end."""
    attributes = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{attributes}>{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line of the style `kind`."""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{kind}"/>'


def svg(height: float, parts: Iterable[str], description: str, *, width: float = WIDTH) -> Markup:
    """The picture, with the sentence that a screen reader reads in its stead."""
    label = escape(description)
    opened = f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}">'
    return Markup(f"{opened}{''.join(parts)}</svg>")  # noqa: S704  numbers, and text that is escaped


def described(name: str, points: Sequence[tuple[float, float]]) -> str:
    """A series in words: where it starts and ends, and its largest value."""
    if not points:
        return f"{name}: no values"
    (first, start), (last, end) = points[0], points[-1]
    at, largest = max(points, key=lambda point: point[1])
    ends = f"{name}: {number_text(start)} at {number_text(first)}, {number_text(end)} at {number_text(last)}"
    return ends if at in (first, last) else f"{ends}, at most {number_text(largest)} at {number_text(at)}"
