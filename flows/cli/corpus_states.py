"""`corrtrack status`, `retry` and `prune`: the videos of an out folder between its runs."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.json_option import AsJson
from flows.runtime.outcomes import EXIT_CODES
from flows.runtime.printing import print_json

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Out folder of `reprocess` or `schedule`.")]
_WATCH_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands to `corrtrack`."""
    for command in (status, retry, prune):
        app.command(epilog=EXIT_CODES)(command)


def status(
    folder: Folder,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Print it again every 2 s, until Ctrl-C.")] = False,
    page: Annotated[bool, typer.Option("--page", help="Write DIR/reports/status.html too.")] = False,
) -> None:
    """Show what became of each video, what is stale since params, weights or code changed, and what runs.

    The same stands in DIR/video_states.parquet. The exit code is 3 while a video is rejected or failed, or a
    part of its input was left out (done in part).

    Examples:

    - `corrtrack status runs/street`: once

    - `corrtrack status runs/street --json`: for another program

    - `corrtrack status runs/street --page`: a page of the look of the report
    """
    import time

    from rich.console import Console

    from flows.runtime.repository import nearest_repository
    from flows.scheduling.status import exit_code_of, show_status, status_of

    console, repository = Console(), nearest_repository()
    while True:
        corpus_status = status_of(repository, folder)
        if page:
            from flows.scheduling.status_page import write_status_page

            write_status_page(corpus_status)
        if watch and not as_json:
            console.clear()
        if as_json:
            print_json(corpus_status)
        else:
            show_status(console, corpus_status)
        if not watch:
            raise typer.Exit(exit_code_of(corpus_status))
        time.sleep(_WATCH_SECONDS)


def retry(
    folder: Folder,
    videos: Annotated[list[str] | None, typer.Argument(metavar="VIDEO", help="By default all of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let the next run try rejected and failed videos again, although their bytes have not changed.

    Examples:

    - `corrtrack retry runs/street`: all rejected and failed videos

    - `corrtrack retry runs/street square park`: these two
    """
    from flows.scheduling.changes import retry as run

    names = run(folder, videos or [])
    if as_json:
        print_json({"tried_again": names})
        return
    typer.echo(f"tried again by the next run: {', '.join(names)}" if names else "nothing is rejected or failed")


def prune(folder: Folder, as_json: AsJson = False) -> None:
    """Delete the results of videos that are no longer in the corpus; until then they are kept and marked.

    Only files that corrtrack wrote are deleted.

    Example:

    - `corrtrack prune runs/street`
    """
    from flows.scheduling.changes import prune as run

    deleted = run(folder)
    if as_json:
        print_json({"deleted_files": deleted})
        return
    for name, count in deleted.items():
        typer.echo(f"{name}: {count} files deleted")
    if not deleted:
        typer.echo("every video with results is in the corpus")
