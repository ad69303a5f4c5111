"""`corrtrack doctor`: the checks of a machine, printed one by one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from flows.cli.json_option import AsJson
from flows.runtime.outcomes import ExitCode
from flows.runtime.printing import print_json, print_line
from flows.runtime.repository import Repository

if TYPE_CHECKING:
    from flows.runtime.checks import Finding


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command(epilog="Exit codes: 0 ready to run, 1 something must be corrected first.")(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check what a run needs: Python, packages, disk, ports, device, video decoding, weights, leftovers.

    A line that reports a problem is followed by what to do about it. Outside a checkout it checks what `corrtrack
    reprocess` needs there.

    Examples:

    - `corrtrack doctor`: on the screen

    - `corrtrack doctor --json`: for another program
    """
    from flows.runtime.repository import nearest_repository

    repository = nearest_repository()
    if as_json:
        from flows.runtime.checks import findings

        found_now = list(findings(repository))
        print_json({"checks": [asdict(finding) for finding in found_now]})
        raise typer.Exit(_code(found_now))
    raise typer.Exit(examine(repository, Console()))


def examine(repository: Repository, console: Console) -> ExitCode:
    """Print all findings; DONE unless one of them is wrong."""
    from flows.runtime.checks import findings

    seen = []
    for finding in findings(repository):
        seen.append(finding)
        style = {"ok": "green", "note": "yellow", "wrong": "red"}[finding.verdict]
        print_line(console, f"{finding.verdict:5} {finding.what:10} {finding.state}", style=style)
        if finding.remedy:
            print_line(console, f"      {'':10} -> {finding.remedy}")
    wrong = sum(finding.verdict == "wrong" for finding in seen)
    print_line(console, f"{wrong} of these must be corrected before a run" if wrong else "ready to run")
    return _code(seen)


def _code(findings: "Sequence[Finding]") -> ExitCode:
    return ExitCode.FAILED if any(finding.verdict == "wrong" for finding in findings) else ExitCode.DONE
