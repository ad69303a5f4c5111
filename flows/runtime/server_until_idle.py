"""The program of a kept Prefect server: it serves a history until no run has used it for a while.

    python -m flows.runtime.server_until_idle HOME PORT SECONDS

It also ends when its data base is gone, as after `make clean`. Standing on its own, it needs no run that ends it.
"""

import contextlib
import fcntl
import os
import runpy
import signal
import sys
import threading
import time
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from flows.runtime.history import forget_served, locked_alone, served
from flows.runtime.prefect_program import server_arguments

USERS: Final = "users.lock"
"""Beside the data base: every user of the kept server holds a shared lock on it, which the system releases."""
_LOOK_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 15.0


def _end_when_idle(home: Path, seconds: float) -> None:
    """Wait until nobody has used the server for `seconds`; then end this process, while nobody can begin to."""
    with (home / USERS).open("a", encoding="utf-8") as users:
        last_used = time.monotonic()
        while _is_in_place(users, home / USERS):
            if not locked_alone(users):
                last_used = time.monotonic()
            elif time.monotonic() - last_used >= seconds:
                break
            else:
                fcntl.flock(users, fcntl.LOCK_UN)
            time.sleep(min(_LOOK_SECONDS, seconds / 4))
        _forget(home)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE_SECONDS)  # a page that is open in a browser may hold its connection
        os._exit(0)


def _is_in_place(file: TextIOWrapper, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _forget(home: Path) -> None:
    note = served(home)
    if note is not None and note.pid == os.getpid():
        forget_served(home)


def main() -> None:
    """Serve until idle."""
    home, port, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    threading.Thread(target=_end_when_idle, args=(home, seconds), daemon=True).start()
    sys.argv = ["prefect", *server_arguments(port)]
    runpy.run_module("prefect", run_name="__main__")


if __name__ == "__main__":
    main()
