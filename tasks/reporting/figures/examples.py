"""The parts of a figure, and the choice of its examples."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from models.arrays import Picture
from tasks.reporting.figures.joint_maps import JointMaps

Candidate = TypeVar("Candidate")


@dataclass(frozen=True)
class Example:
    """One picture with its caption."""

    picture: Picture
    """Panels side by side, RGB."""
    caption: str
    facts: dict[str, Any]
    """The same for programs: video, frame, poses, and the values it was chosen by."""
    maps: JointMaps | None = None
    """Affinity maps to switch through, where the example has some."""


@dataclass(frozen=True)
class PaperFigure:
    """One figure of the paper."""

    number: int
    title: str
    reading: str
    """How to read the panels, and the rule by which the examples were chosen."""
    examples: list[Example] = field(default_factory=list)
    nothing: str = ""
    """Why there is nothing, or nothing more, to show."""


def best(
    candidates: Iterable[Candidate],
    count: int,
    *,
    rank: Callable[[Candidate], Any],
    video_of: Callable[[Candidate], str],
) -> Sequence[Candidate]:
    """The first `count` candidates by `rank`, from different videos where there are enough.

    `rank` must differ between any two candidates, so that equal tables give equal examples.
    """
    ordered = sorted(candidates, key=rank)
    seen: set[str] = set()
    firsts: list[Candidate] = []
    others: list[Candidate] = []
    for candidate in ordered:
        (others if video_of(candidate) in seen else firsts).append(candidate)
        seen.add(video_of(candidate))
    return [*firsts, *others][:count]
