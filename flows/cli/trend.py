"""`corrtrack trend`: whether the paper's trends hold."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.json_option import AsJson
from flows.runtime.printing import print_json


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command()(trend)


def trend(
    params: Annotated[
        Path,
        typer.Option("--params", metavar="FILE", help="A profile, or a whole params file."),
    ] = Path("profiles/trend.yaml"),
    corpora: Annotated[int, typer.Option("--corpora", min=1, help="Corpora of fresh seeds that are judged on.")] = 5,
    trainings: Annotated[
        int, typer.Option("--trainings", min=1, help="Trainings of the correspondence network, of different seeds.")
    ] = 3,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="Draws of the bootstrap.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Judge the paper's trends on synthetic corpora of fresh seeds.

    Trains on the demo corpus, the correspondence network several times, chooses every threshold on its training videos,
    then compares on the validation videos of fresh corpora, which take turns with the trainings: correspondences with
    each baseline, recovery, refinement, duplicate removal, merging, and what the correspondence network was trained on.
    Differences come with 95 % paired bootstrap intervals over trainings and videos; a trend counts as shown only if its
    interval excludes 0. Writes reports/trend.json, reports/trend.md and reports/tables/training_source.json; changes
    neither params.yaml nor artifacts/. A stopped run continues.

    Examples:

    - `corrtrack trend`: by profiles/trend.yaml, about 40 minutes on 2 cores

    - `corrtrack trend --corpora 2`: a first look
    """
    from flows.runtime.repository import find_repository
    from flows.runtime.signals import end_with_make
    from flows.trend import trend as run

    end_with_make()
    repository = find_repository()
    console = Console(stderr=as_json)  # progress and table
    code = run(repository, repository.root / params, console, corpora=corpora, trainings=trainings, resamples=resamples)
    if as_json:
        print_json(json.loads((repository.workspace.reports / "trend.json").read_text(encoding="utf-8")))
    raise typer.Exit(int(code))
