"""`corrtrack doctor`: the checks of a machine, printed one by one."""

import typer
from rich.console import Console

from flows.runtime.outcomes import ExitCode
from flows.runtime.printing import print_line
from flows.runtime.repository import Repository


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command(epilog="Exit codes: 0 ready to run, 1 something must be corrected first.")(doctor)


def doctor() -> None:
    """Check what a run needs: Python, packages, disk, ports, device, video decoding, weights, leftovers.

    A line that reports a problem is followed by what to do about it.
    """
    from flows.runtime.repository import find_repository

    raise typer.Exit(examine(find_repository(), Console()))


def examine(repository: Repository, console: Console) -> ExitCode:
    """Print all findings; DONE unless one of them is wrong."""
    from flows.runtime.checks import findings

    wrong = 0
    for finding in findings(repository):
        style = {"ok": "green", "note": "yellow", "wrong": "red"}[finding.verdict]
        print_line(console, f"{finding.verdict:5} {finding.what:10} {finding.state}", style=style)
        if finding.remedy:
            print_line(console, f"      {'':10} -> {finding.remedy}")
        wrong += finding.verdict == "wrong"
    print_line(console, f"{wrong} of these must be corrected before a run" if wrong else "ready to run")
    return ExitCode.FAILED if wrong else ExitCode.DONE
