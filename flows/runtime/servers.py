"""The servers of a run, on loopback and on free ports: what they share, and the Ray head node."""

import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from flows.runtime.outcomes import StoppedError
from flows.runtime.prefect_program import LOOPBACK
from flows.runtime.processes import ProcessRecord, RunFile, end_tree
from flows.runtime.repository import Repository, private_environment
from flows.runtime.signals import deferred
from tasks.shards.ray_cluster import short_temporary_folder

START_SECONDS: Final = 240.0
"""How long a server may take to answer on a loaded machine."""
_OBJECT_STORE_BYTES: Final = 100_000_000  # only paths travel through it
_RAY_ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Despite its name this is what decides, on every system, whether Ray listens on loopback alone: without it
    # `--node-ip-address 127.0.0.1` is replaced by the machine's outer address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


class ServerError(RuntimeError):
    """A server did not start; names its log, and the disk if that is full."""


class Server(ABC):
    """A program that is started in the background, waited for, and stopped with all it has started."""

    name: str
    patience_seconds = 8.0
    """How long it may take to end by itself."""
    needed_bytes: int
    """Free space that it needs on the disk of its folder in order to start."""

    def __init__(self, repository: Repository, run_file: RunFile) -> None:
        self.repository = repository
        self.log = repository.state / "logs" / f"{self.name}.log"
        self._run_file = run_file
        self._process: subprocess.Popen[bytes] | None = None
        self._record: ProcessRecord | None = None

    @property
    def pid(self) -> int | None:
        """Of the program, while it runs."""
        return self._process.pid if self._process else None

    def is_running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program in the private environment of the run, and return at once."""
        with deferred():
            self._process = in_background(
                self._command(), self.repository, self._environment(), log=self.log, folder=self._working_folder()
            )
            self._record = self._run_file.add(self.name, self._process.pid)

    def wait(self, *, seconds: float = START_SECONDS, stopping: threading.Event | None = None) -> None:
        """Wait until it answers.

        Raises:
            ServerError: it ended, or did not answer in time.
            StoppedError: `stopping` was set meanwhile.
        """
        stopping = stopping or threading.Event()
        deadline = time.monotonic() + seconds
        while not self._answers():
            if not self.is_running():
                raise ServerError(f"{self.name} ended while starting{self._lack_of_space()}; see {self.log}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not answer within {seconds:.0f} s; see {self.log}")
            if stopping.wait(0.1):
                raise StoppedError(f"{self.name}: the run stopped while waiting for it")

    def stop(self) -> None:
        """End it and everything that it has started; nothing happens when it does not run."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                end_tree(psutil.Process(self._process.pid), patience_seconds=self.patience_seconds)
            self._process.wait()
            self._process = None
        if self._record is not None:
            self._run_file.discard(self._record)
            self._record = None

    def _lack_of_space(self) -> str:
        free, needed = shutil.disk_usage(self._folder_in_use()).free, self.needed_bytes
        if free >= needed:
            return ""
        room = f"expected at least {needed >> 20} MiB free on the disk of {self._folder_in_use()}, found {free >> 20}"
        return f": {room}; make room and run the same command again"

    def _working_folder(self) -> Path:
        return self.repository.root

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _environment(self) -> dict[str, str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    @abstractmethod
    def _folder_in_use(self) -> Path: ...


class RayHead(Server):
    """One Ray node with its own short temporary folder."""

    name = "ray"
    patience_seconds = 2.0
    needed_bytes = 300 << 20

    def __init__(self, repository: Repository, run_file: RunFile, *, workers: int) -> None:
        super().__init__(repository, run_file)
        self._workers = workers
        digest = hashlib.sha256(str(repository.state).encode()).hexdigest()[:8]
        self._token = secrets.token_hex(32)
        self.folder = short_temporary_folder() / f"corrtrack-{os.getuid()}-{digest}"
        """Of this working state alone."""

    @property
    def address(self) -> str:
        """host:port of the head node, once it answers."""
        return f"{LOOPBACK}:{self._gcs_port()}"

    def client_environment(self) -> dict[str, str]:
        """What a stage must find in its environment to use this node."""
        return self._environment() | {"CORRTRACK_RAY_ADDRESS": self.address}

    def start(self) -> None:
        """Start the node in an empty folder of its own, whatever an earlier run left there."""
        self.delete_folder()
        try:
            self.folder.mkdir(mode=0o700)
        except OSError as error:
            raise ServerError(f"{self.folder}: expected to make this folder for Ray, got {error}") from error
        super().start()

    def wait(self, *, seconds: float = START_SECONDS, stopping: threading.Event | None = None) -> None:
        """Wait until it answers; a node that ended is started once more: Ray allows its start 30 s, whatever the load.

        Raises:
            ServerError: it ended twice, or did not answer in time.
            StoppedError: `stopping` was set meanwhile.
        """
        try:
            super().wait(seconds=seconds, stopping=stopping)
        except ServerError:
            if self.is_running() or self._lack_of_space():
                raise
            self.stop()
            self.start()
            super().wait(seconds=seconds, stopping=stopping)

    def stop(self) -> None:
        """End the node and delete its temporary folder."""
        super().stop()
        self.delete_folder()

    def delete_folder(self) -> None:
        """Delete the node's temporary folder, if it is there; the node must not run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self) -> list[str]:
        cpus = max(self._workers, os.cpu_count() or 1)
        options: dict[str, Any] = {
            "port": 0,
            "node-ip-address": LOOPBACK,
            "num-cpus": cpus,
            "include-dashboard": "false",
            "include-log-monitor": "false",
            "object-store-memory": _OBJECT_STORE_BYTES,
            "temp-dir": self.folder,
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        return [*start, "--no-monitor", "--disable-usage-stats", *flags]

    def _environment(self) -> dict[str, str]:
        # A token of this run alone: no other user of this machine can run code through the node.
        return _RAY_ENVIRONMENT | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token}

    def _answers(self) -> bool:
        return self._gcs_port() is not None and b"Ray runtime started" in self.log.read_bytes()

    def _folder_in_use(self) -> Path:
        return self.folder

    def _gcs_port(self) -> int | None:
        files = sorted(self.folder.glob("session_2*/gcs_server_port_*"))
        text = files[-1].read_text().strip() if files else ""
        return int(text) if text.isdigit() else None


def in_background(
    command: Sequence[str],
    repository: Repository,
    environment: Mapping[str, str],
    *,
    log: Path,
    folder: Path,
    keep_open: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a server in `folder`, in the private environment of a run with `environment` added, its output in `log`.

    The files of the descriptors `keep_open` stay open in it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=private_environment(repository.environment()) | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is for the run, which then stops its servers
            pass_fds=keep_open,
        )


def free_port() -> int:
    """A port of loopback that no program listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
