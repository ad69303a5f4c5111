"""Processes of a run: their records, how they end, and what an earlier run left running."""

import contextlib
import json
import os
import signal
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tasks.whole_files import write_whole

_START_TIME_TOLERANCE_SECONDS = 2.0  # the boot time that psutil adds is known to the second only


@dataclass(frozen=True)
class ProcessRecord:
    """One process; its start time (seconds since 1970) distinguishes it from a later one with the same pid."""

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


class RunFile:
    """`.corrtrack/run.json`: the processes that run in this workspace now; absent when there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: list[ProcessRecord] = []
        self._lock = threading.Lock()  # servers are stopped side by side

    def add(self, name: str, pid: int) -> ProcessRecord:
        """Record a process as soon as it was started, so that no crash can hide it."""
        record = ProcessRecord.of(name, pid)
        with self._lock:
            self._records.append(record)
            self._write()
        return record

    def discard(self, record: ProcessRecord) -> None:
        """Remove the record of a process that has ended."""
        with self._lock:
            self._records = [other for other in self._records if other != record]
            self._write()

    def read(self) -> list[ProcessRecord]:
        """Records of the file, also those of an earlier run; none where it is absent or damaged."""
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))["processes"]
            return [ProcessRecord(str(row["name"]), int(row["pid"]), float(row["started"])) for row in rows]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def _write(self) -> None:
        if not self._records:
            self.path.unlink(missing_ok=True)
            return
        document = {"processes": [asdict(record) for record in self._records]}
        write_whole(self.path, json.dumps(document, indent=1) + "\n")


def end_leftovers(run_file: RunFile) -> list[ProcessRecord]:
    """End the processes that an earlier run of this workspace left running, and return their records.

    Only a process whose pid and start time both match run.json is ended, with everything it has started.
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
    """End a process and everything that it has started: by SIGTERM, and by SIGKILL after `patience_seconds`."""
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
    """End what the process has started and let itself finish writing; end it too after `patience_seconds`."""
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
