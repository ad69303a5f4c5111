"""`corrtrack`, the command line: what a user types, and the exit codes that come back."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli import scoring, trend, warps, weights
from flows.runtime.outcomes import ExitCode, StageFailedError
from tasks.errors import InputError

_EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 bad input, 3 done but some of the input was set aside."

app = typer.Typer(
    name="corrtrack",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Track the poses of many people in video by keypoint correspondences, as a pipeline that can be run again.",
    epilog=f"Start with `corrtrack reproduce`. {_EXIT_CODES}",
)

Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Write profiles/NAME.yaml over params.yaml first.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Write this value into params.yaml first; repeatable."),
]
Force = Annotated[bool, typer.Option("--force", help="Let --profile and --set write over changes of your own.")]


@app.command(epilog=_EXIT_CODES)
def reproduce(profile: Profile = None, settings: Settings = None, force: Force = False) -> None:
    """Run everything that is stale, from the corpus in data/ to reports/index.html.

    Without data/ a small demo corpus is synthesised. What is stale is decided by DVC, from the contents of data/,
    params.yaml and the code; finished work is kept when a run is broken off.

    Examples:

    - `corrtrack reproduce`: all stages by params.yaml

    - `corrtrack reproduce --profile paper`: with the paper's numbers

    - `corrtrack reproduce --set track.tau_corr=0.25`: only tracking and what follows it runs again
    """
    from flows.cli.params_choice import choose_params
    from flows.reproduce import reproduce as run
    from flows.runtime.processes import end_with_make
    from flows.runtime.repository import find_repository

    end_with_make()
    repository = find_repository()
    _exit(
        run(
            repository,
            _console(),
            prepare=lambda: choose_params(repository, profile=profile, settings=settings or [], force=force),
        )
    )


@app.command(epilog=_EXIT_CODES)
def stage(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a stage in dvc.yaml, such as track.")],
    force: Annotated[bool, typer.Option("--force", help="Run it even if nothing it reads has changed.")] = False,
) -> None:
    """Run one stage, if it is stale: `dvc repro --single-item NAME`, with progress.

    The stages before it are not run; `corrtrack reproduce` runs all that is stale.

    Examples:

    - `corrtrack stage track`: associate the poses that are there, by the current params.yaml

    - `corrtrack stage report --force`: write the report once more
    """
    from flows.runtime.repository import find_repository
    from flows.runtime.single_stage import run_single_stage

    _exit(run_single_stage(find_repository(), name, _console(), force=force))


@app.command(epilog=_EXIT_CODES)
def reprocess(
    corpus: Annotated[
        Path,
        typer.Argument(help="A video file, a folder of videos or of frame folders, or a folder laid out like data/."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for everything that is written.")],
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="DIR", help="Weight files; by default those in artifacts/models."),
    ] = None,
    detections: Annotated[
        list[Path] | None,
        typer.Option("--detections", metavar="FILE", help="Person boxes in MOT or COCO results form; may be repeated."),
    ] = None,
) -> None:
    """Track the people of a corpus outside this checkout, with networks that are trained already.

    Runs the stages from index to report on the corpus and writes tables, tracks and a report to --out. A second
    call goes on where the first was broken off, and does again only what a change of corpus or params.yaml asks for.

    Examples:

    - `corrtrack reprocess street.mp4 --out runs/street --detections street.txt`

    - `corrtrack reprocess /data/posetrack21 --out runs/pt21 --weights weights/released`
    """
    from flows.reprocess import ReprocessRequest
    from flows.reprocess import reprocess as run
    from flows.runtime.repository import find_repository

    _exit(run(find_repository(), ReprocessRequest(corpus, out, weights, tuple(detections or ())), _console()))


@app.command(epilog="Exit codes: 0 all is well, 1 something needs to be done first.")
def doctor() -> None:
    """Check what a run needs: Python, packages, disk, ports, GPU, video decoding, weights, leftovers.

    Every line that is not well says what to do about it.
    """
    from flows.runtime.doctor import examine
    from flows.runtime.repository import find_repository

    _exit(examine(find_repository(), _console()))


scoring.register(app)
app.command("evaluate-warps")(warps.evaluate_warps)
app.command("import-weights")(weights.import_weights)
app.command("trend")(trend.trend)


def main() -> None:
    """Entry point of the console script: errors become one message and an exit code."""
    sys.exit(_guarded(app))


def _guarded(command: Callable[[], object]) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        command()
    except InputError as error:
        return _say(str(error), ExitCode.BAD_INPUT)
    except StageFailedError as error:
        return _say(str(error), error.exit_code)
    except RuntimeError as error:
        logging.getLogger(__name__).debug("failed", exc_info=True)
        return _say(str(error), ExitCode.FAILED)
    return ExitCode.DONE


def _say(message: str, code: ExitCode) -> ExitCode:
    Console(stderr=True).print(message, style="red", highlight=False, markup=False, soft_wrap=True)
    return code


def _exit(code: ExitCode) -> None:
    raise typer.Exit(int(code))


def _console() -> Console:
    return Console()


if __name__ == "__main__":
    main()
