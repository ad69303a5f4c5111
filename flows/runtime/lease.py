"""The lease of an out folder: who writes to it, also across machines that share its disk.

The lease is a file with host, pid and a token, whose time is renewed every few seconds. Times are compared on the
disk's own clock, so that the clocks of the machines need not agree. A holder that has not renewed it for a minute, or
whose process is gone on this machine, has lost it: the next one takes it over and logs that. A holder that finds
another's token in the file stops its run.
"""

import contextlib
import errno
import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flows.runtime.processes import ProcessRecord
from tasks.errors import InputError

_LOG: Final = logging.getLogger(__name__)
BEAT_SECONDS: Final = 5.0
STALE_SECONDS: Final = 60.0
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""How disks answer that have no hard links, such as exFAT and some network shares."""


class Lease:
    """A lease file.

    Args:
        path: the file.
        command: what the holder does, for others to read.
        beat_seconds: between two renewals.
        stale_seconds: without a renewal after which the holder has lost it.
    """

    def __init__(
        self,
        path: Path,
        command: str,
        *,
        beat_seconds: float = BEAT_SECONDS,
        stale_seconds: float = STALE_SECONDS,
    ) -> None:
        self._path, self._beat_seconds, self._stale_seconds = path, beat_seconds, stale_seconds
        self._token = secrets.token_hex(8)
        record = ProcessRecord.of(command, os.getpid())
        since = datetime.now().isoformat(" ", "seconds")
        self._record = {"host": socket.gethostname(), "pid": record.pid, "started": record.started, "since": since}
        self._record |= {"command": command, "token": self._token}

    @contextlib.contextmanager
    def held(self, *, patience_seconds: float, lost: Callable[[], object] | None = None) -> Iterator[None]:
        """Hold the lease inside the with block.

        Args:
            patience_seconds: how long to wait for another holder.
            lost: called when another has taken it over; by default this process gets a SIGTERM.

        Raises:
            InputError: another holds it; names that one.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._acquire(patience_seconds)
        ended = threading.Event()
        beats = threading.Thread(target=self._beat, args=(ended, lost or _stop_this_process), daemon=True)
        beats.start()
        try:
            yield
        finally:
            ended.set()
            beats.join()
            if (_read(self._path) or {}).get("token") == self._token:
                self._path.unlink(missing_ok=True)

    def _acquire(self, patience_seconds: float) -> None:
        deadline, is_waiting = time.monotonic() + patience_seconds, False
        while not self._create():
            if (holder := _read(self._path)) is None:
                continue  # released this moment
            if reason := self.why_lost(holder):
                self._take_over(holder, reason)
                continue
            if time.monotonic() > deadline:
                raise held_by_another(self._path.parent, described(holder))
            if not is_waiting:
                _LOG.warning("waiting for %s to end", described(holder))
                is_waiting = True
            time.sleep(0.2)

    def _create(self) -> bool:
        """Put this record at the path unless there is a file.

        A share may do so and answer that there is a file, when its first answer was lost: the token decides.
        """
        partial = self._path.with_name(f".{self._path.name}.{self._token}.partial")
        partial.write_text(json.dumps(self._record), encoding="utf-8")
        try:
            _put(partial, self._path)
        except FileExistsError:
            return (_read(self._path) or {}).get("token") == self._token
        finally:
            partial.unlink(missing_ok=True)
        return True

    def why_lost(self, holder: dict[str, Any]) -> str:
        """Why the holder has lost the lease; empty while it has not."""
        is_here = holder.get("host") == self._record["host"]
        if is_here and "pid" in holder:
            record = ProcessRecord(str(holder.get("command")), int(holder["pid"]), float(holder.get("started", 0)))
            return "" if record.process() else "its process is gone"
        age = self._age()
        return f"it gave no sign for {age:.0f} s" if age > self._stale_seconds else ""

    def _age(self) -> float:
        """Seconds since the last renewal, by the clock of the disk."""
        probe = self._path.with_name(f".{self._path.name}.{self._token}.now")
        try:
            probe.touch()
            return probe.stat().st_mtime - self._path.stat().st_mtime
        except OSError:  # released this moment, or a folder that this user may only read
            return 0.0
        finally:
            probe.unlink(missing_ok=True)

    def _take_over(self, holder: dict[str, Any], reason: str) -> None:
        """Move the lost lease aside; if it was another's new one by then, put that back."""
        aside = self._path.with_name(f".{self._path.name}.{self._token}.lost")
        try:
            self._path.rename(aside)
        except FileNotFoundError:
            return
        if (moved := _read(aside) or {}).get("token") != holder.get("token") and moved:
            with contextlib.suppress(FileExistsError):
                _put(aside, self._path)
        else:
            _LOG.warning("took the folder over from %s: %s", described(holder), reason)
        aside.unlink(missing_ok=True)

    def _beat(self, ended: threading.Event, lost: Callable[[], object]) -> None:
        while not ended.wait(self._beat_seconds):
            holder = _read(self._path)
            if holder is None:
                self._create()
            elif holder.get("token") not in {self._token, None}:
                _LOG.error("another run has taken %s over; this one stops", self._path.parent.parent)
                lost()
                return
            with contextlib.suppress(OSError):
                os.utime(self._path)


def holder_of(path: Path) -> str | None:
    """Command, pid, host and start of the holder of a lease file; None where nobody holds it any more."""
    holder = _read(path)
    if not holder or Lease(path, "look").why_lost(holder):
        return None
    return described(holder)


class HeldError(InputError):
    """Another run writes to the folder."""


def held_by_another(state: Path, holder: str) -> HeldError:
    """The error of a run that finds another one at work; `state` is the folder of working state."""
    return HeldError(f"{state}: expected no other run of this workspace, found {holder}; wait for it or end it")


def described(holder: dict[str, Any]) -> str:
    """One phrase on the holder of a lease."""
    try:
        return f"{holder['command']} (pid {holder['pid']} on {holder['host']}, since {holder['since']})"
    except KeyError:
        return "another run"


def _read(path: Path) -> dict[str, Any] | None:
    """The record of a lease file; an empty one where it is damaged, None where it is absent."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _put(source: Path, path: Path) -> None:
    """Put the content of `source` at `path`, whole in one step where the disk has hard links.

    Elsewhere the file is there for a moment before its content; until then it reads as damaged, held by another run.

    Raises:
        FileExistsError: there is a file.
    """
    try:
        os.link(source, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with path.open("x", encoding="utf-8") as file:
            file.write(source.read_text(encoding="utf-8"))


def _stop_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
