"""The Prefect server of a run: the one that is kept between runs where that is possible, else one of its own."""

import contextlib
import threading
from io import TextIOWrapper
from pathlib import Path
from urllib.parse import urlsplit

from flows.runtime.history import Served, answers, forget_served, free_home, note_served
from flows.runtime.kept_server import LOG, SharedServer, shared_server
from flows.runtime.prefect_program import client_environment, server_command, server_environment, url_of
from flows.runtime.processes import RunFile
from flows.runtime.repository import Repository
from flows.runtime.servers import START_SECONDS, Server, ServerError, free_port


class PrefectServer(Server):
    """Prefect's API on a history, started and ended with its owner.

    Args:
        repository: the checkout.
        run_file: where its process is recorded.
        home: folder of the data base; None: one of the checkout that nothing else serves. SQLite has one writer, so a
            server beside another one takes `.corrtrack/prefect-2`, and so on.
        port: where it listens; None: a free one.
    """

    name = "prefect"
    needed_bytes = 200 << 20

    def __init__(
        self, repository: Repository, run_file: RunFile, *, home: Path | None = None, port: int | None = None
    ) -> None:
        super().__init__(repository, run_file)
        self._port = free_port() if port is None else port
        self._home = self._given_home = home
        self._lock: TextIOWrapper | None = None

    @property
    def url(self) -> str:
        """Address for PREFECT_API_URL."""
        return url_of(self._port)

    @property
    def home(self) -> Path:
        """Folder of the data base; held from the first look until `stop`."""
        if self._home is None:
            self._home, self._lock = free_home(self.repository)
        return self._home

    def client_environment(self) -> dict[str, str]:
        """What a Prefect client must find in its environment before it imports prefect."""
        return client_environment(self.home, self.url)

    def start(self) -> None:
        """Start the server, and note where it answers, for `corrtrack ui`."""
        super().start()
        if self._process is not None:
            with contextlib.suppress(OSError):
                note_served(self.home, Served.now(self.url, for_runs=False))

    def stop(self) -> None:
        """End the server and release its folder."""
        if self._process is not None:
            forget_served(self.home)
        super().stop()
        if self._lock is not None:
            self._lock.close()
        self._lock, self._home = None, self._given_home

    def _command(self) -> list[str]:
        return server_command(self._port)

    def _environment(self) -> dict[str, str]:
        return server_environment(self.home, self.url)

    def _answers(self) -> bool:
        return answers(self.url)

    def _folder_in_use(self) -> Path:
        return self.home

    def _working_folder(self) -> Path:
        return self.home  # where no `.env` or `prefect.toml` of the user's lies, which Prefect would read


class RunPrefectServer(PrefectServer):
    """The server that a run uses: the kept one or that of `corrtrack ui`, which go on after it, else one of its own."""

    def __init__(self, repository: Repository, run_file: RunFile) -> None:
        super().__init__(repository, run_file)
        self._own_log = self.log
        self._shared: SharedServer | None = None

    @property
    def url(self) -> str:
        """Address for PREFECT_API_URL."""
        return self._shared.served.url if self._shared else super().url

    @property
    def home(self) -> Path:
        """Folder of the data base."""
        return self._shared.home if self._shared else super().home

    @property
    def pid(self) -> int | None:
        """Of the server, while it is used."""
        return self._shared.served.pid if self._shared else super().pid

    def is_running(self) -> bool:
        """Whether the server is there."""
        return self._shared.is_running() if self._shared else super().is_running()

    def start(self) -> None:
        """Join the shared server, or start it, or else one of this run."""
        self._shared = shared_server(self.repository)
        if self._shared is None:
            super().start()
        else:
            self.log = self._shared.home / LOG

    def wait(self, *, seconds: float = START_SECONDS, stopping: threading.Event | None = None) -> None:
        """Wait until it answers; a shared one that does not is replaced by one of this run, at the same address.

        Raises:
            ServerError: it ended, or did not answer in time.
            StoppedError: `stopping` was set meanwhile.
        """
        try:
            super().wait(seconds=seconds, stopping=stopping)
        except ServerError:
            if self._shared is None:
                raise
            self._port = urlsplit(self._shared.served.url).port or self._port
            self._leave()
            super().start()
            super().wait(seconds=seconds, stopping=stopping)

    def stop(self) -> None:
        """Leave a shared server, which goes on; end one of this run."""
        self._leave()
        super().stop()

    def _leave(self) -> None:
        if self._shared is not None:
            self._shared.release()
        self._shared, self.log = None, self._own_log
