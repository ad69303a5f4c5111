"""`corrtrack ui`: Prefect's pages on the kept history, on loopback, until Ctrl-C."""

import contextlib
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console

from flows.runtime.history import Served, address_of, forget_served, homes, locked, note_served
from flows.runtime.kept_server import end_idle_server
from flows.runtime.prefect_server import PrefectServer
from flows.runtime.printing import print_line
from flows.runtime.processes import RunFile, end_leftovers
from flows.runtime.repository import Repository
from flows.runtime.signals import stopping_on_signals, undisturbed
from tasks.errors import InputError
from tasks.out_folder import MARKER

_DATA_BASE: Final = "prefect.db"


def serve_history(
    repository: Repository,
    folder: Path | None,
    console: Console,
    *,
    port: int | None = None,
    seconds: float | None = None,
) -> None:
    """Serve the history of the checkout, or of an out folder, until Ctrl-C or SIGTERM.

    Args:
        repository: whose history is shown without `folder`.
        folder: a checkout, an out folder, or a folder with Prefect's data base.
        console: where the address goes.
        port: where to listen; None: a free one.
        seconds: when to end; None: never.

    Raises:
        InputError: there is no history, or another program listens at the port.
        ServerError: the server does not start.
        StoppedError: SIGINT or SIGTERM came.
    """
    home, is_shared = _home(repository, folder)
    end_idle_server(home)  # it would end while its pages are read
    if (url := address_of(home)) is not None:
        print_line(console, f"served already, by a run or another `corrtrack ui`: {_page(url)}")
        return
    _require_free(port)
    stopping = threading.Event()
    with stopping_on_signals(stopping), _held(home):
        run_file = RunFile(home / "ui.json")
        end_leftovers(run_file)
        server = PrefectServer(repository, run_file, home=home if is_shared else _copy_of(home), port=port)
        try:
            server.start()
            server.wait(stopping=stopping)
            note_served(home, Served.now(server.url, for_runs=is_shared))
            print_line(console, f"history of {home}")
            _name_others(repository, home, console)
            print_line(console, f"{_page(server.url)}  (Ctrl-C ends it)")
            stopping.wait(seconds)
        finally:
            with undisturbed():
                forget_served(home)
                server.stop()


def _home(repository: Repository, folder: Path | None) -> tuple[Path, bool]:
    """The folder of the history, and whether runs write to it while it is served.

    Raises:
        InputError: no run has left a history there.
    """
    checkout = homes(repository)[0]
    if folder is None:
        candidates = [checkout]
    else:
        root = folder.expanduser().resolve()
        schedules = sorted((root / ".corrtrack").glob("schedule*/prefect"))
        candidates = [root, *schedules, root / ".corrtrack" / "prefect"]
        if (root / MARKER).is_file():  # runs of `reprocess` are kept with the checkout that they were started from
            candidates.append(checkout)
    for home in candidates:
        if (home / _DATA_BASE).is_file():
            return home, not any((above / MARKER).is_file() for above in home.parents)
    where = "this checkout" if folder is None else str(folder)
    raise InputError(
        f"{where}: expected the history of a run, found none; `corrtrack reproduce` or `schedule` makes it"
    )


def _require_free(port: int | None) -> None:
    if port is None:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise InputError(f"--port {port}: expected a port to listen at, got {error.strerror}") from None


@contextlib.contextmanager
def _held(home: Path) -> Iterator[None]:
    """Keep runs from starting a server of their own on this history."""
    lock = locked(home)
    if lock is None:
        raise InputError(f"{home}: expected a history that no run is using, found one in use; try again in a minute")
    with lock:
        yield


def _copy_of(home: Path) -> Path:
    """A copy to look at, since the schedule that owns the history may start its server at any time."""
    copy = home.parent / "ui"
    copy.mkdir(exist_ok=True)
    (copy / _DATA_BASE).unlink(missing_ok=True)
    with (
        # Read only: a connection that may write moves the schedule's journal into its data base when it is closed.
        contextlib.closing(sqlite3.connect(f"{(home / _DATA_BASE).as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy / _DATA_BASE)) as target,
    ):
        source.backup(target)
    return copy


def _name_others(repository: Repository, home: Path, console: Console) -> None:
    """Runs that went beside another one have a history of their own."""
    for other in homes(repository)[1:] if home == homes(repository)[0] else []:
        if (other / _DATA_BASE).is_file():
            print_line(console, f"runs that went beside another one: `corrtrack ui {other}`")


def _page(url: str) -> str:
    return url.removesuffix("/api")
