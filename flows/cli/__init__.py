"""`corrtrack`, the command line: its commands by group, and the exit codes that come back."""

import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Final

import typer
from rich.console import Console

from flows.cli import (
    compare,
    corpus_states,
    doctor,
    explain,
    noise,
    pipeline,
    schedule,
    scoring,
    store,
    sweep,
    tracking,
    trend,
    ui,
    warps,
    weights,
)
from flows.runtime.closed_readers import outlast_readers
from flows.runtime.outcomes import EXIT_CODES, ExitCode, StageFailedError, StoppedError
from flows.runtime.printing import print_line
from flows.runtime.verbosity import show_messages
from tasks.errors import InputError, machine_fault

_DEBUG: Final = "--debug"
_VERBOSE: Final = frozenset({"--verbose", "-v"})

app = typer.Typer(
    name="corrtrack",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its libraries would take half of the time until a help page is shown
    context_settings={"max_content_width": 100},
    help="Track the poses of many people in video by keypoint correspondences, as a pipeline that can be run again.",
    epilog=(
        "Start with `corrtrack reprocess VIDEO --out DIR --pretrained torchvision` for a video of yours, or, in a "
        f"checkout, with `corrtrack reproduce` for the demo. {EXIT_CODES} `compare` ends with 4 where a limit of "
        "--fail-if is exceeded."
    ),
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(_version())
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print version and revision, and exit."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the stages log too; allowed at any position.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error too; allowed at any position.")
    ] = False,
) -> None:
    """Options of every command; `main` takes -v and --debug out of the arguments before they are read."""


for group in (
    pipeline,
    schedule,
    corpus_states,
    compare,
    doctor,
    explain,
    scoring,
    store,
    sweep,
    warps,
    tracking,
    noise,
    weights,
    trend,
    ui,
):
    group.register(app)


def main() -> None:
    """Entry point of the console script: errors become one message and an exit code, a closed pipe ends no work."""
    outlast_readers()
    debug, verbose = _DEBUG in sys.argv[1:], bool(_VERBOSE & set(sys.argv[1:]))
    arguments = [argument for argument in sys.argv[1:] if argument not in {_DEBUG, *_VERBOSE}]
    if not arguments and len(sys.argv) > 1:
        arguments = ["--help"]
    sys.exit(guarded(lambda: app(arguments), debug=debug, verbose=verbose))


def guarded(command: Callable[[], object], *, debug: bool = False, verbose: bool = False) -> int:
    """Exit code of a command; an error is one sentence on standard error.

    With `debug` its traceback is printed as well, with `verbose` every message of this project.
    """
    show_messages(verbose=verbose)
    try:
        command()
    except SystemExit as ended:
        was_interrupted = isinstance(ended.__context__, typer.Abort)  # Ctrl-C in a command that starts no run
        return ExitCode.INTERRUPTED if was_interrupted else int(ended.code or 0)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except InputError as error:
        return _report(error, str(error), ExitCode.BAD_INPUT, debug=debug)
    except (StageFailedError, StoppedError) as error:
        return _report(error, str(error), error.exit_code, debug=debug)
    except RuntimeError as error:
        return _report(error, str(error), ExitCode.FAILED, debug=debug)
    except Exception as error:
        if fault := machine_fault(error):
            return _report(error, fault, ExitCode.FAILED, debug=debug)
        hint = "" if debug else "; the same command with --debug shows where"
        first = (str(error).splitlines() or [""])[0]
        return _report(error, f"failed with {type(error).__name__}: {first}{hint}", ExitCode.FAILED, debug=debug)
    return ExitCode.DONE


def _report(error: Exception, message: str, code: ExitCode, *, debug: bool) -> ExitCode:
    if debug:
        traceback.print_exception(error)
    print_line(Console(stderr=True), message, style="red")
    return code


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    from tasks.provenance import revision

    try:
        number = version("corrtrack")
    except PackageNotFoundError:
        number = "(not installed)"
    return f"corrtrack {number}, revision {revision()}"
