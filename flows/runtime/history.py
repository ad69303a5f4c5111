"""Where Prefect's history is kept between runs, and who serves it: one data base per checkout, one server at a time."""

import fcntl
import json
import os
import socket
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Final

import psutil

from flows.runtime.processes import ProcessRecord
from flows.runtime.repository import Repository
from tasks.whole_files import write_whole

_HOMES: Final = 16
_ADDRESS: Final = "served.json"


@dataclass(frozen=True)
class Served:
    """Who serves a history, as noted beside its data base in `served.json`."""

    url: str
    """Address of the API."""
    for_runs: bool
    """Whether runs use it and start none of their own."""
    pid: int
    """Of the process without which it is gone."""
    started: float
    """When that process started, in seconds since 1970."""
    host: str
    prefect: str
    """Version of Prefect, which decides the layout of the data base."""
    is_kept: bool = False
    """Whether it outlives the run that started it."""

    @classmethod
    def now(cls, url: str, *, for_runs: bool, pid: int | None = None, is_kept: bool = False) -> "Served":
        """A server of this host that the process `pid` (default: this process) keeps up."""
        record = ProcessRecord.of("server", os.getpid() if pid is None else pid)
        return cls(url, for_runs, record.pid, record.started, socket.gethostname(), version("prefect"), is_kept)

    def process(self) -> psutil.Process | None:
        """The process, if it still runs, on this host and for this user."""
        process = ProcessRecord("server", self.pid, self.started).process()
        if process is None or self.host != socket.gethostname():
            return None
        try:
            return process if process.uids().real == os.getuid() else None
        except psutil.Error:
            return None


def homes(repository: Repository) -> list[Path]:
    """The folders that may keep the history, the first of which does unless runs go beside each other."""
    state = repository.shared_state
    return [state / ("prefect" if number == 1 else f"prefect-{number}") for number in range(1, _HOMES)]


def free_home(repository: Repository) -> tuple[Path, TextIOWrapper | None]:
    """A home of Prefect's that no other run uses, and the file whose lock keeps it so."""
    for home in homes(repository):
        try:
            home.mkdir(parents=True, exist_ok=True)
            if (lock := locked(home)) is not None:
                return home, lock
        except OSError:  # a checkout that this user cannot write to
            break
    home = repository.state / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    return home, None


def locked(home: Path) -> TextIOWrapper | None:
    """The file whose lock holds `home` until it is closed; None where another process holds it."""
    lock = (home / "run.lock").open("a", encoding="utf-8")
    if locked_alone(lock):
        return lock
    lock.close()
    return None


def locked_alone(file: TextIOWrapper) -> bool:
    """Whether nobody holds a lock on the file, and nobody can until it is closed or unlocked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def served(home: Path) -> Served | None:
    """The note on who serves `home`; None where there is none, or a damaged one."""
    try:
        return Served(**json.loads((home / _ADDRESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def note_served(home: Path, server: Served) -> None:
    """Write beside the data base who serves it."""
    write_whole(home / _ADDRESS, json.dumps(asdict(server)) + "\n")


def forget_served(home: Path) -> None:
    """Note that nothing serves the history any more."""
    (home / _ADDRESS).unlink(missing_ok=True)


def address_of(home: Path) -> str | None:
    """The address of the server that serves `home` now, if one answers."""
    # A killed process leaves the note, and its port may be another server's by now.
    note = served(home)
    return note.url if note is not None and note.process() is not None and answers(note.url) else None


def answers(url: str) -> bool:
    """Whether a Prefect server answers at `url`, the address of its API."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
