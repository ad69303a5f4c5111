"""Processes of a run: who they are, how they end, and what an earlier run left behind."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tasks.whole_files import write_whole

_START_TIME_TOLERANCE_SECONDS = 2.0  # the boot time that psutil adds is known to the second only


@dataclass(frozen=True)
class ProcessRecord:
    """One process, told apart from later ones that get the same pid by its start time (seconds since 1970)."""

    name: str
    pid: int
    started: float

    @classmethod
    def of(cls, name: str, pid: int) -> "ProcessRecord":
        """Record of the running process `pid`."""
        return cls(name, pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it still runs and is the same one."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= _START_TIME_TOLERANCE_SECONDS
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class StoppedError(RuntimeError):
    """The user, or the system, asked the run to stop."""


class RunFile:
    """`.corrtrack/run.json`: who runs in this workspace now; absent when nobody does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: list[ProcessRecord] = []
        self._one_at_a_time = threading.Lock()  # servers are stopped side by side

    def add(self, name: str, pid: int) -> ProcessRecord:
        """Write down a process as soon as it was started, so that no crash can hide it."""
        record = ProcessRecord.of(name, pid)
        with self._one_at_a_time:
            self._records.append(record)
            self._write()
        return record

    def discard(self, record: ProcessRecord) -> None:
        """Forget a process that has ended."""
        with self._one_at_a_time:
            self._records = [other for other in self._records if other != record]
            self._write()

    def read(self) -> list[ProcessRecord]:
        """Records of the file, whoever wrote it; none where it is absent or not ours."""
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))["processes"]
            return [ProcessRecord(str(row["name"]), int(row["pid"]), float(row["started"])) for row in rows]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def _write(self) -> None:
        if not self._records:
            self.path.unlink(missing_ok=True)
            return
        content = {"processes": [asdict(record) for record in self._records]}
        write_whole(self.path, json.dumps(content, indent=1) + "\n")


def end_leftovers(run_file: RunFile) -> list[ProcessRecord]:
    """End what an earlier run of this workspace left running, and return it.

    Only a process whose pid and start time both match run.json is touched, and what it has started.
    """
    ended = []
    for record in run_file.read():
        process = record.process()
        if process is not None and process.pid != os.getpid():
            end_tree(process)
            ended.append(record)
    run_file.path.unlink(missing_ok=True)
    return ended


def end_tree(process: psutil.Process, *, patience_seconds: float = 8.0) -> None:
    """End a process and everything that it has started: asked first, and forced after `patience_seconds`."""
    members = _tree(process)
    for member in members:
        with contextlib.suppress(psutil.Error):
            member.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(members, timeout=patience_seconds)
    late = {child for member in alive for child in _tree(member)}
    for member in late:
        with contextlib.suppress(psutil.Error):
            member.kill()
    psutil.wait_procs(late, timeout=patience_seconds)


def end_children(process: psutil.Process, *, patience_seconds: float = 8.0) -> None:
    """End what the process has started and let it end by itself, so that it can finish writing; then force it."""
    deadline = time.monotonic() + patience_seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        for child in _tree(process)[1:]:
            with contextlib.suppress(psutil.Error):
                child.send_signal(signal.SIGTERM)
        psutil.wait_procs([process], timeout=0.5)
    end_tree(process, patience_seconds=2.0)


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]


@contextlib.contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the run the way Ctrl-C does, so that servers are stopped in both cases.

    Raises:
        StoppedError: one of the two came.
    """

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError("stopped; finished stages are kept, the same command goes on from there") from None
    finally:
        signal.signal(signal.SIGTERM, before)


def end_with_make() -> None:
    """Stop this run, as SIGTERM would, once the `make` that started it is gone; its pid stands in CORRTRACK_PARENT."""
    parent = os.environ.get("CORRTRACK_PARENT", "")

    def watch() -> None:
        while psutil.pid_exists(int(parent)):
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    if parent.isdigit():
        threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep a second Ctrl-C from cutting the cleaning up short."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals interrupt the main thread alone
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
