"""One run at a time per workspace."""

import contextlib
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tasks.errors import InputError

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def run_lock(path: Path, *, command: str, patience_seconds: float = 15.0) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the system lets go of it however the holder ends.

    Waits `patience_seconds`, which is what a run needs to stop its servers.

    Raises:
        InputError: another run still holds it; says which one.
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
                holder = _holder(path)
                told = f"expected no other run of this workspace, found {holder}; wait for it or end it"
                raise InputError(f"{path.parent}: {told}") from None
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
