"""`corrtrack sweep`: a grid of params as DVC experiments, with a table, a plot and a verdict."""

import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.compare import Kind
from flows.runtime.outcomes import EXIT_CODES, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from flows.sweep import Sweep
    from tasks.comparison.grid import ParamsGrid


class Split(StrEnum):
    """Videos that a grid is judged on."""

    TRAIN = "train"
    VAL = "val"


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command(epilog=EXIT_CODES)(sweep)


def sweep(  # noqa: PLR0913  one parameter per option is how typer reads them
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="SECTION.KEY=V,V,...", help="Values of a key; repeated, all combinations."),
    ],
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Runs of each point, by seed.")] = 1,
    split: Annotated[
        Split | None,
        typer.Option("--split", help="Annotated videos that judge; by default train, and val if a network is trained."),
    ] = None,
    kind: Annotated[Kind, typer.Option("--tracks", help="Which tracks are judged.")] = Kind.MERGED,
    in_memory: Annotated[
        bool, typer.Option("--in-memory", help="Only keys of track, before merging, in seconds; no experiments.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the points and what each runs; run nothing.")
    ] = False,
    resamples: Annotated[int, typer.Option("--resamples", min=10, help="Draws of the bootstrap.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the points as JSON.")] = False,
) -> None:
    """Run a grid of params as DVC experiments, and judge each point against the present params.

    The points run one after the other in a clone of the last commit below .corrtrack/sweep, with DVC's cache, as far as
    the stage score; the checkout itself can be worked in meanwhile. A stage that does not depend on a changed key is
    not run again. Each point is an experiment as soon as it is finished: `dvc exp show --only-changed` lists them, and
    `corrtrack compare HEAD NAME` shows more of each. A sweep that was stopped continues where it was. A point whose
    input is rejected is named with the reason and left out; the others go on.

    Differences of MOTA come with a 95 % paired bootstrap interval over videos. Values that are chosen on val make later
    scores on val too good; by default the training videos judge, unless a point trains a network. With --seeds each
    point and the present params run with several seeds, and a verdict needs all of them to agree.

    Writes reports/sweep/KEYS.html with a table and a plot, and JSON beside it.

    Examples:

    - `corrtrack sweep --set track.tau_corr=0.05,0.1,0.2 --dry-run`: what that would run

    - `corrtrack sweep --set track.tau_corr=0.05,0.1,0.2 --set merge.enabled=false`: no network runs, seconds per point

    - `corrtrack sweep --set train_siamese.learning_rate=0.0001,0.001 --seeds 3`: each training three times

    - `corrtrack sweep --set track.tau_corr=0.05,0.1,0.2 --in-memory`: a first look in seconds
    """
    from rich.console import Console

    from flows.runtime.printing import print_line
    from flows.runtime.repository import find_repository
    from flows.sweep import Sweep, SweepRequest

    request = SweepRequest(tuple(settings), seeds, split and split.value, kind.value, resamples)
    grid_of = Sweep(find_repository(), request)
    console = Console(stderr=as_json)
    if dry_run:
        _print_plan(console, grid_of.plan(), as_json=as_json)
        return
    grid = grid_of.in_memory() if in_memory else grid_of.run(console)
    _show(console, grid_of, grid, is_kept=not in_memory, as_json=as_json)
    for name, reason in grid_of.rejected.items():
        print_line(console, f"left out, its input was rejected: {name}: {reason}")
    raise typer.Exit(ExitCode.REJECTED if grid_of.rejected else ExitCode.DONE)


def _show(console: "Console", sweep: "Sweep", grid: "ParamsGrid", *, is_kept: bool, as_json: bool) -> None:
    from rich.table import Table

    from flows.runtime.printing import print_line
    from tasks.comparison.grid_page import cells, column_names, sentences, write_grid
    from tasks.provenance import revision

    split = sweep.split()
    if as_json:
        typer.echo(json.dumps(grid.content() | {"split": split, "rejected": sweep.rejected}, indent=2, allow_nan=False))
    else:
        table = Table(*grid.points[0].values, *column_names(grid), show_edge=False)
        for point in (grid.present, *grid.points):
            table.add_row(*cells(grid, point))
        console.print(table)
    print_line(console, f"judged on {len(grid.videos)} videos of the split {split}")
    for sentence in sentences(grid):
        print_line(console, sentence)
    if is_kept:
        best = grid.points[grid.best]
        keys = re.sub(r"[^\w.+-]+", "_", "+".join(best.values))
        page = write_grid(grid, sweep.repository.workspace.reports / "sweep" / keys, split=split, revision=revision())
        sweep.record(page)
        print_line(console, f"page: {page}")
        print_line(console, f"more of the best: corrtrack compare HEAD {best.names[0]}")
        print_line(console, "all points: dvc exp show --only-changed")


def _print_plan(console: "Console", plan: list[dict[str, Any]], *, as_json: bool) -> None:
    from rich.table import Table

    from flows.runtime.printing import print_line

    if as_json:
        typer.echo(json.dumps(plan, indent=2))
        return
    table = Table("point", "runs", "last time", show_edge=False)
    for row in plan:
        stages = "nothing, is there" if row["is_there"] else ", ".join(row["stages"]) or "score"
        table.add_row(row["name"], stages, "" if row["is_there"] else f"{row['last_seconds']:.1f} s")
    console.print(table)
    waiting = [row for row in plan if not row["is_there"]]
    seconds = sum(row["last_seconds"] for row in waiting)
    print_line(
        console,
        f"{len(plan) - 1} points and the present params; {len(waiting)} to run, whose stages took {seconds:.0f} s the "
        "last time; results that DVC's cache holds are taken from there",
    )
