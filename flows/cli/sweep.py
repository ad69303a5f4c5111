"""`corrtrack sweep`: a grid of tracking params, judged in seconds on the tables of a finished run."""

import itertools
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tasks.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from tasks.comparison.grid import GridPoint

_SECTION: Final = "track."


class Split(StrEnum):
    """Videos that a grid is judged on."""

    TRAIN = "train"
    VAL = "val"


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command()(sweep)


def sweep(
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="track.KEY=V,V,...", help="Values of a key; repeated, all combinations."),
    ],
    split: Annotated[Split, typer.Option("--split", help="Annotated videos that points are judged on.")] = Split.TRAIN,
    resamples: Annotated[int, typer.Option("--resamples", min=10, help="Draws of the bootstrap.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the points as JSON.")] = False,
) -> None:
    """Try a grid of tracking params on the poses and affinities that are there, without running a stage.

    Only keys of the section track: no network is asked, and nothing is written. Each point associates the poses of
    every annotated video as the stage track would, and is scored before merging. Differences of MOTA are to the
    present params.yaml, with a 95 % paired bootstrap interval over videos. Thresholds that are chosen on val make
    scores on val too good; by default the training videos judge.

    For other keys: `corrtrack reproduce --set SECTION.KEY=VALUE --save NAME`, then `corrtrack compare`.

    Exit codes: 0 done, 2 bad input.

    Examples:

    - `corrtrack sweep --set track.tau_corr=0.05,0.1,0.2,0.3`

    - `corrtrack sweep --set track.tau_corr=0.1,0.2 --set track.mean_over=above_tau,detected --json`
    """
    from rich.console import Console

    points = _judged(_combinations(settings), split, resamples)
    if as_json:
        typer.echo(json.dumps([point.row() for point in points], indent=2, allow_nan=False))
    else:
        _print(Console(), points)


def _combinations(settings: list[str]) -> list[dict[str, str]]:
    """Every point of the grid: value by key."""
    axes: dict[str, list[str]] = {}
    for setting in settings:
        key, equals, values = (part.strip() for part in setting.partition("="))
        if not equals or not key.startswith(_SECTION) or key in axes:
            raise InputError(
                f"--set {setting}: expected a key of the section track, once, with values, such as "
                "track.tau_corr=0.1,0.2; for other keys run `corrtrack reproduce --set KEY=VALUE --save NAME` "
                "for each value, then `corrtrack compare`"
            )
        axes[key] = list(dict.fromkeys(value.strip() for value in values.split(",")))
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _judged(combinations: list[dict[str, str]], split: Split, resamples: int) -> list["GridPoint"]:
    from flows.cli.params_choice import read_chosen_params
    from flows.runtime.repository import find_repository
    from tasks.comparison.grid import judge, score_tracking, sweep_videos

    repository = find_repository()
    params = read_chosen_params(repository, profile=None, settings=[])
    sections = [
        read_chosen_params(repository, profile=None, settings=[f"{key}={value}" for key, value in values.items()]).track
        for values in combinations
    ]
    sources = params.detect.box_sources
    videos = sweep_videos(repository.workspace, split, "detected" if "detected" in sources else sources[0])
    present = score_tracking(videos, params.track)
    return [
        judge(values, score_tracking(videos, section), present, resamples=resamples, seed=params.run.seed)
        for values, section in zip(combinations, sections, strict=True)
    ]


def _print(console: "Console", points: list["GridPoint"]) -> None:
    from rich.table import Table

    from flows.runtime.printing import print_line
    from tasks.comparison.grid import best_point

    keys = list(points[0].values)
    table = Table(*keys, "mAP", "MOTA", "switches", "MOTA - present", "95 % interval", "verdict", show_edge=False)
    for point in points:
        scores = (f"{point.mean_ap:.1f}", f"{point.mota:.1f}", str(point.switches), f"{point.difference:+.1f}")
        table.add_row(*point.values.values(), *scores, f"{point.low:+.1f} to {point.high:+.1f}", point.verdict)
    console.print(table)
    best = best_point(points)
    named = ", ".join(f"{key}={value}" for key, value in best.values.items())
    print_line(console, f"highest MOTA: {named}, {best.verdict} against the present params")
    if best.verdict == "no evidence":
        print_line(console, "its interval holds 0: the difference may be chance")
