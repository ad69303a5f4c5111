"""`corrtrack compare`: which of two runs is better, where, and whether that is more than chance."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.json_option import AsJson

if TYPE_CHECKING:
    from rich.console import Console

_BEYOND_LIMIT = 4


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command()(compare)


class Kind(StrEnum):
    """Which tracks are compared."""

    TRACKS = "tracks"
    MERGED = "merged tracks"


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A git revision, a saved run, an out folder, or `.`")],
    others: Annotated[
        list[str] | None,
        typer.Argument(metavar="[B ...]", help="The runs that are judged, each against A; default: working tree."),
    ] = None,
    kind: Annotated[Kind, typer.Option("--tracks", help="Which tracks.")] = Kind.TRACKS,
    resamples: Annotated[int, typer.Option("--resamples", min=10, help="Draws of the bootstrap.")] = 1000,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown, for a pull request.")] = False,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", metavar="CONDITION", help='Exit with 4 where it holds, such as "MOTA < -0.5".'),
    ] = None,
) -> None:
    """Compare finished runs with the first of them: params, stages, metrics with intervals, and single errors.

    The two are scored on the annotated videos that they share. Each difference comes with a 95 % paired bootstrap
    interval over videos; a metric counts as better or worse only where it excludes 0. Errors are compared one by one:
    which identity switches, misses and false positives are new, gone or common. The annotated joints are counted by how
    they are answered: good, jitter, inversion, swap, miss, or absent. Writes reports/compare/A..B.html with
    the clips of the videos that changed most, side by side.

    The tables of a git revision or saved run are read from DVC's cache. `corrtrack reproduce --save NAME` saves a run.

    Exit codes: 0 done, 2 bad input, 4 a condition of --fail-if holds.

    Examples:

    - `corrtrack compare HEAD`: what the run in the working tree changed

    - `corrtrack compare tau-0.3 tau-0.2 --fail-if "MOTA < -0.5"`: two saved runs, for CI

    - `corrtrack compare HEAD tau-0.2 tau-0.1 --markdown`: two runs, each against the last commit
    """
    from rich.console import Console

    from flows.compare import compare as run
    from flows.compare import parse_condition
    from flows.runtime.printing import print_json
    from flows.runtime.repository import find_repository
    from tasks.comparison.report import as_markdown

    conditions = [parse_condition(text) for text in fail_if or []]
    repository, contents = find_repository(), []
    for second in others or ["."]:
        page, content = run(repository, first, second, kind=kind.value, resamples=resamples)
        contents.append(content)
        if markdown and not as_json:
            typer.echo(as_markdown(content), nl=False)
        elif not as_json:
            _print(Console(), content)
            Console(soft_wrap=True).print(f"page: {page}", highlight=False, markup=False)
    if as_json:
        print_json(contents if others and len(others) > 1 else contents[0])
    if any(condition.holds(content) for condition in conditions for content in contents):
        raise typer.Exit(_BEYOND_LIMIT)


def _print(console: "Console", content: dict[str, Any]) -> None:
    from rich.table import Table

    from tasks.comparison.report import describe, describe_answers, describe_origin, interval, number

    for origin in content["origins"]:
        console.print(describe_origin(origin), highlight=False, markup=False)
    for row in content["params"]:
        console.print(f"{row['key']}: {row['first']} -> {row['second']}", highlight=False, markup=False)
    table = Table("", "first", "second", "difference", "95 % interval", "verdict")
    for row in content["metrics"]:
        if row["scope"] == "total":
            values = (number(row[name]) for name in ("first", "second", "difference"))
            table.add_row(row["metric"], *values, interval(row), row["verdict"])
    table.title = f"{content['second']} against {content['first']}, {len(content['videos'])} videos"
    console.print(table)
    for kind, counts in content["errors"].items():
        console.print(f"{kind}: {counts['new']} new, {counts['gone']} gone, {counts['common']} common", highlight=False)
    console.print(f"annotated joints: {describe_answers(content)}", highlight=False)
    for name, videos in content["left_out"].items():
        if videos:
            console.print(f"not compared, only {name} has them: {', '.join(videos)}", highlight=False, markup=False)
    for moment in content["moments"][:5]:
        console.print(f"{moment['video_id']}, {describe(moment)}", highlight=False, markup=False)
