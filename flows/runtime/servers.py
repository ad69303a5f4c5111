"""The two servers of a run: one Prefect server and one Ray head node, both on loopback and on free ports."""

import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import psutil

from flows.runtime.processes import ProcessRecord, RunFile, StoppedError, end_tree
from flows.runtime.repository import Repository

_LOOPBACK = "127.0.0.1"
_START_SECONDS = 240.0
_OBJECT_STORE_BYTES = 100_000_000  # only paths travel through it
_RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Despite its name this is what decides, on every system, whether Ray listens on loopback alone: without it
    # `--node-ip-address 127.0.0.1` is replaced by the machine's outer address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


class ServerError(RuntimeError):
    """A server did not start; names its log."""


class Server(ABC):
    """A program that is started in the background, waited for, and stopped with all it has started."""

    name: str
    patience_seconds = 8.0
    """How long it may take to end by itself."""

    def __init__(self, repository: Repository, run_file: RunFile) -> None:
        self.repository = repository
        self.log = repository.state / "logs" / f"{self.name}.log"
        self._run_file = run_file
        self._process: subprocess.Popen[bytes] | None = None
        self._record: ProcessRecord | None = None

    def start(self) -> None:
        """Start the program and return at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.repository.root,
                env=self.repository.environment() | self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for the run, which then stops its servers
            )
        self._record = self._run_file.add(self.name, self._process.pid)

    def wait(self, *, seconds: float = _START_SECONDS, stopping: threading.Event | None = None) -> None:
        """Wait until it answers.

        Raises:
            ServerError: it ended, or did not answer in time.
            StoppedError: `stopping` was set meanwhile.
        """
        stopping = stopping or threading.Event()
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise ServerError(f"{self.name} ended while starting; see {self.log}")
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

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _environment(self) -> dict[str, str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...


class PrefectServer(Server):
    """Prefect's API and its database in `.corrtrack/prefect`; its flows stay readable between runs."""

    name = "prefect"

    def __init__(self, repository: Repository, run_file: RunFile) -> None:
        super().__init__(repository, run_file)
        self.port = free_port()

    @property
    def url(self) -> str:
        """Address for PREFECT_API_URL."""
        return f"http://{_LOOPBACK}:{self.port}/api"

    def client_environment(self) -> dict[str, str]:
        """What a Prefect client must find in its environment before it imports prefect."""
        return {
            "PREFECT_HOME": str(self.repository.state / "prefect"),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "CRITICAL",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "prefect", "server", "start", "--host", _LOOPBACK, "--port", str(self.port)]

    def _environment(self) -> dict[str, str]:
        return self.client_environment()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as reply:  # noqa: S310 - loopback http
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class RayHead(Server):
    """One Ray node with its own short temporary folder (socket paths end at 107 bytes)."""

    name = "ray"
    patience_seconds = 2.0

    def __init__(self, repository: Repository, run_file: RunFile, *, workers: int) -> None:
        super().__init__(repository, run_file)
        self._workers = workers
        place = hashlib.sha256(str(repository.state).encode()).hexdigest()[:8]
        self._token = secrets.token_hex(32)
        self._folder = Path(tempfile.gettempdir()) / f"corrtrack-{os.getuid()}-{place}"

    @property
    def address(self) -> str:
        """host:port of the head node, once it answers."""
        return f"{_LOOPBACK}:{self._gcs_port()}"

    def client_environment(self) -> dict[str, str]:
        """What a stage must find in its environment to use this node."""
        return self._environment() | {"CORRTRACK_RAY_ADDRESS": self.address}

    def start(self) -> None:
        """Start the node in an empty folder of its own, whatever an earlier run left there."""
        self.delete_folder()
        try:
            self._folder.mkdir(mode=0o700)
        except OSError as error:
            raise ServerError(f"{self._folder}: expected to make this folder for Ray, got {error}") from error
        super().start()

    def stop(self) -> None:
        """End the node and delete its temporary folder."""
        super().stop()
        self.delete_folder()

    def delete_folder(self) -> None:
        """Delete the node's temporary folder, if it is there; the node must not run."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self) -> list[str]:
        cpus = max(self._workers, os.cpu_count() or 1)
        options: dict[str, Any] = {
            "port": 0,
            "node-ip-address": _LOOPBACK,
            "num-cpus": cpus,
            "include-dashboard": "false",
            "include-log-monitor": "false",
            "object-store-memory": _OBJECT_STORE_BYTES,
            "temp-dir": self._folder,
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        return [*start, "--no-monitor", "--disable-usage-stats", *flags]

    def _environment(self) -> dict[str, str]:
        # A token of this run alone: who else is on this machine cannot run code through the node.
        return _RAY_ENVIRONMENT | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token}

    def _answers(self) -> bool:
        return self._gcs_port() is not None and b"Ray runtime started" in self.log.read_bytes()

    def _gcs_port(self) -> int | None:
        files = sorted(self._folder.glob("session_2*/gcs_server_port_*"))
        text = files[-1].read_text().strip() if files else ""
        return int(text) if text.isdigit() else None


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])
