"""Where Prefect's history is kept between runs, and who serves it: one data base per checkout, one server at a time."""

import fcntl
import json
import os
import urllib.error
import urllib.request
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from flows.runtime.processes import ProcessRecord
from flows.runtime.repository import Repository
from tasks.whole_files import write_whole

_HOMES: Final = 16
_ADDRESS: Final = "served.json"


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
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def note_address(home: Path, url: str, *, for_runs: bool) -> None:
    """Write beside the data base where a server answers; with `for_runs` runs use it and start none of their own."""
    server = ProcessRecord.of("server", os.getpid())
    write_whole(home / _ADDRESS, json.dumps({"url": url, "for_runs": for_runs, **asdict(server)}) + "\n")


def forget_address(home: Path) -> None:
    """Note that nothing serves the history any more."""
    (home / _ADDRESS).unlink(missing_ok=True)


def address_of(home: Path, *, for_runs: bool = False) -> str | None:
    """The address of the server that serves `home` now, if one answers; with `for_runs` only one that runs may use."""
    try:
        record = json.loads((home / _ADDRESS).read_text(encoding="utf-8"))
        url, is_for_runs = str(record["url"]), bool(record["for_runs"])
        server = ProcessRecord(record["name"], record["pid"], record["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # A killed process leaves the note, and its port may be another server's by now.
    is_there = server.process() is not None and (is_for_runs or not for_runs)
    return url if is_there and answers(url) else None


def answers(url: str) -> bool:
    """Whether a Prefect server answers at `url`, the address of its API."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
