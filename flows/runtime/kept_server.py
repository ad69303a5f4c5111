"""A Prefect server that outlives its run: the next run of the checkout finds it ready.

Whoever uses it holds a shared lock on `users.lock` beside the data base, which the system releases however the user
ends. The server holds `run.lock`, which keeps every other server from its data base, as long as it lives. Nothing but
these locks decides: the note `served.json` gives the address alone, and one that a killed server has left is not used.
"""

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Final

import psutil

from flows.runtime.history import Served, answers, forget_served, homes, locked, locked_alone, note_served, served
from flows.runtime.prefect_program import server_environment, url_of
from flows.runtime.processes import end_tree
from flows.runtime.repository import Repository
from flows.runtime.server_until_idle import USERS
from flows.runtime.servers import free_port, in_background
from flows.runtime.signals import deferred
from tasks.code_files import REPOSITORY
from tasks.errors import InputError

IDLE_SECONDS: Final = "CORRTRACK_SERVER_IDLE_SECONDS"
"""The variable with the seconds that a server waits for the next run; 0: each run starts its own and ends it."""
_IDLE_SECONDS: Final = 300.0
_STARTING_SECONDS: Final = 60.0
_PATIENCE_SECONDS: Final = 10.0
LOG: Final = "server.log"


@dataclass
class SharedServer:
    """A server that this run uses with others, and does not end."""

    home: Path
    served: Served
    users: TextIOWrapper
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    """Kept by the run that started it, since Python warns of forgotten ones."""

    def is_running(self) -> bool:
        """Whether its process is there."""
        return self.served.process() is not None

    def release(self) -> None:
        """Use it no more; the last user's release begins its idle time."""
        self.users.close()
        if self._child is not None:
            self._child.returncode = 0  # it is not waited for


def idle_seconds() -> float:
    """How long a server that nobody uses waits for the next run.

    Raises:
        InputError: the variable is no number of seconds.
    """
    text = os.environ.get(IDLE_SECONDS) or str(_IDLE_SECONDS)
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < float("inf"):
            return seconds
    raise InputError(f"{IDLE_SECONDS}: expected seconds from 0 on, got {text!r}; 0 ends the server with each run")


def shared_server(repository: Repository) -> SharedServer | None:
    """The server of the checkout's history for this run to use: that of `corrtrack ui`, or the kept one.

    The kept one is started if it does not run, and may not answer yet. None where the history is served otherwise, or
    by another user, host or version of Prefect, or by a server that hangs, or the checkout cannot be written to.

    Raises:
        InputError: the idle time is no number.
    """
    home, seconds = homes(repository)[0], idle_seconds()
    with contextlib.ExitStack() as unless_used, contextlib.suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        users = unless_used.enter_context((home / USERS).open("a", encoding="utf-8"))
        if not _locked_with_others(users):
            return None
        server = _joined(home, users) if seconds == 0 else _joined_or_started(repository, home, users, seconds)
        if server is not None:
            unless_used.pop_all()
        return server
    return None


def end_idle_server(home: Path) -> None:
    """End the kept server of this history, unless a run uses it."""
    with contextlib.suppress(OSError), (home / USERS).open("r+", encoding="utf-8") as users:
        note = served(home)
        if note is None or not note.is_kept or not locked_alone(users):
            return
        if (process := note.process()) is not None:
            end_tree(process)
        forget_served(home)


def _joined_or_started(repository: Repository, home: Path, users: TextIOWrapper, seconds: float) -> SharedServer | None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        if (server := _joined(home, users)) is not None:
            return server
        if (lock := locked(home)) is not None:
            with lock:
                return _started(repository, home, users, seconds, lock)
        if _is_served(home) or time.monotonic() > deadline:
            return None
        time.sleep(0.05)  # another run has the lock and is about to write the note


def _joined(home: Path, users: TextIOWrapper) -> SharedServer | None:
    note = served(home)
    if note is None or not note.for_runs or note.prefect != version("prefect") or note.process() is None:
        return None
    is_starting = note.is_kept and time.time() - note.started < _STARTING_SECONDS
    return SharedServer(home, note, users) if is_starting or answers(note.url) else None


def _is_served(home: Path) -> bool:
    """Whether a server that runs do not use is there, as far as its note tells; one of another host counts."""
    note = served(home)
    return note is not None and (note.host != socket.gethostname() or psutil.pid_exists(note.pid))


def _started(
    repository: Repository, home: Path, users: TextIOWrapper, seconds: float, lock: TextIOWrapper
) -> SharedServer:
    port = free_port()
    url = url_of(port)
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    program = [sys.executable, "-m", "flows.runtime.server_until_idle", str(home), str(port), str(seconds)]
    environment = server_environment(home, url) | {"PYTHONPATH": path}
    with deferred():
        descriptors = (lock.fileno(),)
        child = in_background(program, repository, environment, log=home / LOG, folder=home, keep_open=descriptors)
        note = Served.now(url, for_runs=True, pid=child.pid, is_kept=True)
        note_served(home, note)
    return SharedServer(home, note, users, child)


def _locked_with_others(users: TextIOWrapper) -> bool:
    """Whether the server may be used: while it ends for lack of users, nobody can begin to."""
    deadline = time.monotonic() + 2 * _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        time.sleep(0.05)
    return False
