"""`corrtrack ui`: the runs so far in Prefect's pages."""

from pathlib import Path
from typing import Annotated

import typer

from flows.runtime.outcomes import EXIT_CODES


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command(epilog=EXIT_CODES)(ui)


def ui(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="An out folder; by default the history of this checkout is shown."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="Where to listen on loopback; by default a free port."),
    ] = None,
) -> None:
    """Serve Prefect's pages on the kept history: runs, stages, logs, and artifacts with metrics and links.

    The address is printed once the server answers, after about 20 s. Runs that start meanwhile use the same server and
    appear at once. The server listens on 127.0.0.1 alone, sends nothing elsewhere, and ends with Ctrl-C.

    The history of a checkout lies in .corrtrack/prefect; a schedule keeps its own in its out folder.

    Examples:

    - `corrtrack ui`: all runs of this checkout

    - `corrtrack ui runs/nightly --port 4200`: those of a schedule
    """
    from rich.console import Console

    from flows.runtime.repository import nearest_repository
    from flows.ui import serve_history

    serve_history(nearest_repository(), folder, Console(), port=port)
