"""What a figure is made of, and how its examples are chosen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from models.arrays import Picture

Candidate = TypeVar("Candidate")


@dataclass(frozen=True)
class Example:
    """One picture with what it shows."""

    picture: Picture
    """Panels side by side, RGB."""
    caption: str
    facts: dict[str, Any]
    """The same for programs: video, frame, poses, the figures it was chosen by."""


@dataclass(frozen=True)
class Figure:
    """One figure of the paper."""

    number: int
    title: str
    reading: str
    """How to read the panels, and the rule by which the examples were chosen."""
    examples: list[Example] = field(default_factory=list)
    nothing: str = ""
    """Why there is nothing (more) to show."""


def best(
    candidates: Iterable[Candidate], count: int, *, rank: Callable[[Candidate], Any], video: Callable[[Candidate], str]
) -> Sequence[Candidate]:
    """The first `count` by `rank`, of other videos where there are enough; the same for the same tables.

    `rank` must tell any two candidates apart.
    """
    ordered = sorted(candidates, key=rank)
    seen: set[str] = set()
    firsts = [one for one in ordered if not (video(one) in seen or seen.add(video(one)))]  # type: ignore[func-returns-value]
    others = [one for one in ordered if not any(one is first for first in firsts)]
    return [*firsts, *others][:count]
