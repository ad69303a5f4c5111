"""The points of a grid: each the text of a whole params.yaml, and the name of its DVC experiment."""

import hashlib
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tasks.errors import InputError
from tasks.params.edit import set_values
from tasks.params.loading import check_params, parse_params
from tasks.params.sections import Params

SEED: Final = "run.seed"
PRESENT: Final = "present"
"""Name of the point that changes nothing."""
_OUTSIDE_BRACKETS: Final = re.compile(r",(?![^\[{]*[\]}])")
_LONGEST_NAME: Final = 150


@dataclass(frozen=True)
class Point:
    """One run of a grid."""

    values: Mapping[str, str]
    """By key, as the user wrote them; what is not there is as in the present params."""
    seed: int | None
    """Where it is not that of the present params."""
    text: str
    """Its params.yaml."""
    params: Params

    @property
    def name(self) -> str:
        """Name of its experiment, such as `track.tau_corr=0.1`; the same for the same values."""
        values = self.values if self.seed is None else {**self.values, SEED: str(self.seed)}
        plain = ",".join(f"{key}={value}" for key, value in values.items()) or PRESENT
        name = re.sub(r"[^\w.=+,-]+|\.{2,}", "_", plain)[:_LONGEST_NAME]
        return name if name == plain else f"{name}-{hashlib.sha256(plain.encode()).hexdigest()[:6]}"


def points_of_grid(
    text: str, settings: Sequence[str], *, seeds: int = 1, sections: Collection[str]
) -> list[list[Point]]:
    """The points of each row of the grid, one for each seed; the first row is what the others are compared with.

    That is the present params, with those values that all points share.

    Args:
        text: the present params.yaml.
        settings: texts of the form "section.key=value,value,...".
        seeds: runs of each row, with the present seed and those after it.
        sections: sections of params.yaml that a point can depend on.

    Raises:
        InputError: a setting is not of that form or names a key twice, no such key, nothing depends on it, a value that
            does not fit, or two points with equal params.
    """
    axes = _axes(settings, sections)
    if seeds > 1 and SEED in axes:
        raise InputError(f"--seeds {seeds} and --set {SEED}: expected one of them, both choose the seed")
    rows = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    shared = {key: values[0] for key, values in axes.items() if len(values) == 1 < len(rows)}
    first = parse_params(text, name="params.yaml").run.seed
    chosen = [None, *(first + number for number in range(1, seeds))]
    runs = [[values | ({} if seed is None else {SEED: str(seed)}) for seed in chosen] for values in (shared, *rows)]
    edited = iter(set_values(text, itertools.chain(*runs)))
    grid = [[_point(values, seed, *next(edited)) for seed in chosen] for values in (shared, *rows)]
    _refuse_twins([row[0] for row in grid[1:]])
    return grid


def _axes(settings: Sequence[str], sections: Collection[str]) -> dict[str, list[str]]:
    axes: dict[str, list[str]] = {}
    for setting in settings:
        key, _, listed = (part.strip() for part in setting.partition("="))
        values = [value.strip() for value in _OUTSIDE_BRACKETS.split(listed)]
        if not key or not all(values):
            raise InputError(
                f"--set {setting}: expected SECTION.KEY=VALUE,VALUE,... with no value empty, such as "
                "track.tau_corr=0.1,0.2"
            )
        if key in axes:
            raise InputError(f"--set {setting}: expected each key once, got {key} twice; give all its values in one")
        axes[key] = values
    for key in axes:
        section = key.partition(".")[0]
        if section in Params.model_fields and section not in sections:
            raise InputError(
                f"--set {key}: expected a key that scores depend on, got one of {section}; "
                f"the sections are {', '.join(name for name in Params.model_fields if name in sections)}"
            )
    return axes


def _point(values: Mapping[str, str], seed: int | None, text: str, tree: Mapping[str, Any]) -> Point:
    return Point(values, seed, text, check_params(tree, name="params.yaml"))


def _refuse_twins(points: Sequence[Point]) -> None:
    seen: list[Point] = []
    for point in points:
        for other in seen:
            if point.params == other.params:
                raise InputError(f"--set: expected each point once, got {other.name} and {point.name}, which are equal")
        seen.append(point)
