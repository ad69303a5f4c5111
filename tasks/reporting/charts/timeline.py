"""A timeline of one video: a bar per identity, with marks that lead to a frame of its clip."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from markupsafe import Markup, escape

from tasks.reporting.charts.axes import WIDTH, Scale, line, text
from tasks.reporting.labels import counted

Span = tuple[int, int]
"""First and last frame of a presence without a gap."""
_NAMES, _ROW, _BAR, _TITLE, _AXIS = 66, 13, 7, 18, 16
_MOST_ROWS: Final = 14
"""Of a group; the identities of fewer frames share a row below them."""
_LARGEST_BYTES: Final = 18_000
_NEAREST_PX: Final = 6
"""Marks of a row that are nearer than this are drawn as a single mark."""
_SHAPES: Final = {"switch": "M0-6L5 0 0 6-5 0Z", "merge": "M-4-5H4V5H-4Z"}


@dataclass(frozen=True)
class Mark:
    """Something that happens to an identity in a frame."""

    frame: int
    kind: str
    """switch or merge."""
    sentence: str
    """What happens, without a full stop."""


@dataclass(frozen=True)
class TimelineRow:
    """One identity."""

    name: str
    spans: tuple[Span, ...]
    """Ascending."""
    colour: str = ""
    """In CSS; the page's quiet colour where it is empty."""
    marks: tuple[Mark, ...] = ()

    @property
    def length(self) -> int:
        """Number of frames."""
        return sum(last - first + 1 for first, last in self.spans)


@dataclass(frozen=True)
class Timeline:
    """The identities of a video in groups: heading -> rows."""

    name: str
    frame_count: int
    groups: Mapping[str, Sequence[TimelineRow]]

    @property
    def x(self) -> Scale:
        """Px of the start of a frame."""
        return Scale(0, max(self.frame_count, 1), _NAMES, WIDTH - 4)

    @property
    def frame_px(self) -> float:
        """Px of a frame."""
        return (self.x.end - self.x.start) / max(self.frame_count, 1)

    @property
    def picture(self) -> Markup:
        """The timeline as SVG of less than 20 KB: in a long video short gaps are closed and near marks joined."""
        groups = {heading: _fewer(rows) for heading, rows in self.groups.items() if rows}
        gap_px = 0.5
        while len((drawn := self._drawn(groups, gap_px)).encode()) > _LARGEST_BYTES and gap_px < WIDTH:
            gap_px *= 2
        return Markup(drawn)  # noqa: S704  numbers, and text that is escaped

    @property
    def description(self) -> str:
        """The timeline in words."""
        rows = list(chain.from_iterable(self.groups.values()))
        kinds = [mark.kind for row in rows for mark in row.marks]
        present = " ".join(f"{heading}: {len(group)}." for heading, group in self.groups.items())
        marked = f"Marked: identity switches, {kinds.count('switch')}; merges, {kinds.count('merge')}."
        return f"Timeline of {self.name}, {counted(self.frame_count, 'frame')}. {present} {marked}"

    def _drawn(self, groups: Mapping[str, Sequence[TimelineRow]], gap_px: float) -> str:
        parts, cursor, top = [], "", 0.0
        for heading, rows in groups.items():
            parts.append(text(0, top + 12, heading, kind="level-name"))
            top += _TITLE
            cursor += f"M0 {top:g}v{len(rows) * _ROW}"
            for row in rows:
                parts += self._row(row, top, gap_px)
                top += _ROW
        parts += [line(self.x.start, top + 2, self.x.end, top + 2, "axis")]
        parts += [text(self.x.start, top + 14, "frame 0")]
        if self.frame_count > 1:
            parts += [text(self.x.end, top + 14, f"{self.frame_count - 1}", anchor="end")]
        parts.append(f'<path class="cursor" d="{cursor}"/>')
        opened = f'<svg class="timeline" viewBox="0 0 {WIDTH} {top + _AXIS:g}" role="group"'
        facts = f'data-start="{self.x.start:g}" data-step="{self.frame_px:.6g}" data-last="{self.frame_count - 1}"'
        return f'{opened} aria-label="{escape(self.description)}" {facts}>{"".join(parts)}</svg>'

    def _row(self, row: TimelineRow, top: float, gap_px: float) -> Iterable[str]:
        yield text(_NAMES - 6, top + 9, row.name, anchor="end")
        bars = []
        for first, last in joined_spans(row.spans, round(gap_px / self.frame_px)):
            left, right = self.x(first), self.x(last + 1)
            bars.append(f"M{left:g} {top + 2:g}h{max(right - left, 0.8):.4g}v{_BAR}H{left:g}z")
        colour = f' style="fill:{escape(row.colour)}"' if row.colour else ""
        yield f'<path class="presence" d="{"".join(bars)}"{colour}/>'
        for marks in _near(row.marks, max(gap_px, _NEAREST_PX) / self.frame_px):
            yield self._mark(marks, top + 2 + _BAR / 2)

    def _mark(self, marks: Sequence[Mark], middle: float) -> str:
        first = marks[0]
        more = f", and {len(marks) - 1} more to frame {marks[-1].frame}" if len(marks) > 1 else ""
        words = escape(f"Frame {first.frame}: {first.sentence}{more}")
        at = round(self.x(first.frame) + self.frame_px / 2, 1)
        shape = f'<path d="{_SHAPES[first.kind]}" transform="translate({at:g} {middle:g})"/>'
        opened = f'<g class="{first.kind}" role="button" tabindex="0" data-frame="{first.frame}" aria-label="{words}">'
        return f"{opened}<title>{words}</title>{shape}</g>"


def joined_spans(spans: Iterable[Span], gap: int) -> list[Span]:
    """Spans with gaps of at most `gap` frames closed; they may overlap and need no order."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first - joined[-1][1] - 1 <= gap:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _near(marks: Iterable[Mark], gap: float) -> list[list[Mark]]:
    """Marks of a kind that begin less than `gap` frames after the first of them."""
    groups: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda mark: (mark.kind, mark.frame)):
        if groups and groups[-1][0].kind == mark.kind and mark.frame - groups[-1][0].frame < gap:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _fewer(rows: Sequence[TimelineRow]) -> list[TimelineRow]:
    """The longest rows in their order, and the others as a single row."""
    if len(rows) <= _MOST_ROWS:
        return list(rows)
    longest = sorted(range(len(rows)), key=lambda index: -rows[index].length)[: _MOST_ROWS - 1]
    others = [row for index, row in enumerate(rows) if index not in longest]
    spans = joined_spans(chain.from_iterable(row.spans for row in others), 0)
    marks = tuple(chain.from_iterable(row.marks for row in others))
    return [*(rows[index] for index in sorted(longest)), TimelineRow(f"{len(others)} more", tuple(spans), "", marks)]
