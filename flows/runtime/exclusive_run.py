"""One run at a time per workspace: its lock, its signals, its leftovers, its view."""

import contextlib
import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from flows.runtime.process_runner import ProcessRunner
from flows.runtime.processes import RunFile, end_leftovers
from flows.runtime.progress_view import progress_view
from flows.runtime.repository import Repository
from flows.runtime.signals import stopping_on_signals
from tasks.errors import InputError

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def exclusive_run(
    repository: Repository, console: Console, stages: Sequence[str] = (), *, command: str
) -> Iterator[ProcessRunner]:
    """Hold the workspace for one run of these stages; gives what runs and shows their programs.

    Processes that an earlier, killed run left running are ended first.

    Raises:
        InputError: another run holds the workspace.
        StoppedError: SIGINT or SIGTERM came.
    """
    stopping = threading.Event()
    run_file = RunFile(repository.state / "run.json")
    with (
        stopping_on_signals(stopping),
        run_lock(repository.state / "run.lock", command=command),
        progress_view(console, stages) as view,
    ):
        for leftover in end_leftovers(run_file):
            view.report(f"ended a process that an earlier run left running: {leftover.name} (pid {leftover.pid})")
        yield ProcessRunner(repository, run_file, view, stopping)


@contextlib.contextmanager
def run_lock(path: Path, *, command: str, patience_seconds: float = 15.0) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the system releases it however the holder ends.

    Waits `patience_seconds`, which is what a run needs to stop its servers.

    Raises:
        InputError: another run still holds it; names that run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _acquire(file.fileno(), path, patience_seconds)
        holder = {"pid": os.getpid(), "since": datetime.now().isoformat(" ", "seconds"), "command": command}
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _acquire(descriptor: int, path: Path, patience_seconds: float) -> None:
    deadline, waiting = time.monotonic() + patience_seconds, False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                problem = f"expected no other run of this workspace, found {_holder(path)}; wait for it or end it"
                raise InputError(f"{path.parent}: {problem}") from None
            if not waiting:
                _LOG.warning("waiting for %s to end", _holder(path))
                waiting = True
            time.sleep(0.2)
        else:
            return


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"{holder['command']} (pid {holder['pid']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"
