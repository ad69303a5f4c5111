"""One run at a time per workspace: its lock, its signals, its leftovers, its view."""

import contextlib
import fcntl
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from flows.runtime.lease import Lease, held_by_another, holder_of
from flows.runtime.pipeline import remove_broken_rwlock
from flows.runtime.process_runner import ProcessRunner
from flows.runtime.processes import RunFile, end_leftovers
from flows.runtime.progress_view import progress_view
from flows.runtime.repository import Repository
from flows.runtime.signals import stopping_on_signals

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def exclusive_run(
    repository: Repository,
    console: Console,
    stages: Sequence[str] = (),
    *,
    command: str,
    patience_seconds: float = 15.0,
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
        run_lock(repository.state / "run.lock", command=command, patience_seconds=patience_seconds),
        progress_view(console, stages) as view,
    ):
        for leftover in end_leftovers(run_file):
            view.report(f"ended a process that an earlier run left running: {leftover.name} (pid {leftover.pid})")
        remove_broken_rwlock(repository.root)
        yield ProcessRunner(repository, run_file, view, stopping)


@contextlib.contextmanager
def run_lock(path: Path, *, command: str, patience_seconds: float = 15.0) -> Iterator[None]:
    """Hold the lock file `path`, and the lease beside it, while the block runs.

    The lock is of this machine: the system releases it however the holder ends. The lease is for machines that share
    the disk. Waits `patience_seconds`, which is what a run needs to stop its servers.

    Raises:
        InputError: another run still holds it; names that run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_seconds
    with path.open("a+", encoding="utf-8") as file:
        _acquire(file.fileno(), path, deadline)
        with Lease(lease_of(path.parent), command).held(patience_seconds=deadline - time.monotonic()):
            yield


def lease_of(state: Path) -> Path:
    """The lease file of a folder of working state."""
    return state / "lease.json"


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    waiting = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = holder_of(lease_of(path.parent)) or "another run"
            if time.monotonic() > deadline:
                raise held_by_another(path.parent, holder) from None
            if not waiting:
                _LOG.warning("waiting for %s to end", holder)
                waiting = True
            time.sleep(0.2)
        else:
            return
