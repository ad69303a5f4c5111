"""The servers of one run: started side by side, only those that are needed, stopped whatever happens."""

import os
import threading
import time
from types import TracebackType
from typing import Final

from flows.runtime.processes import RunFile, undisturbed
from flows.runtime.repository import Repository
from flows.runtime.servers import PrefectServer, RayHead, Server
from tasks.params.sections import Params

_SHARDED: Final = frozenset({"estimate", "recover", "merge"})
_TABLE_OF_THE_UNREFINED: Final = 7  # walks through the videos once more
_TRAINED: Final = frozenset({"pretrain", "finetune", "train_siamese", "train_refinement", "train_reid"})


class RunServers:
    """A with block: servers that were started inside it are stopped at its end."""

    def __init__(self, repository: Repository, run_file: RunFile, params: Params) -> None:
        self.prefect = PrefectServer(repository, run_file)
        self.ray = RayHead(repository, run_file, workers=params.compute.workers)
        self.waited_seconds = 0.0
        """How long the run, or one of its stages, stood still until a server answered."""
        self._counting = threading.Lock()
        self._params = params
        self._started: list[Server] = []

    def __enter__(self) -> "RunServers":
        self.ray.delete_folder()  # one that an earlier, killed run has left
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with undisturbed():
            threads = [threading.Thread(target=server.stop) for server in self._started]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self._started.clear()

    def start_for(self, stages: list[str]) -> None:
        """Start what bringing `stages` up to date needs and does not run yet; returns at once."""
        wanted: list[Server] = [self.prefect] if stages else []
        if any(needs_ray(stage, self._params) for stage in stages):
            wanted.append(self.ray)
        for server in wanted:
            if server not in self._started:
                self._started.append(server)
                server.start()

    def connect_prefect(self) -> str:
        """Wait for Prefect, make it this process's server, and give the address of its pages.

        Call it before `prefect` is imported.
        """
        os.environ.update(self.prefect.client_environment())
        import prefect.settings  # noqa: F401 - seconds that pass while the server starts

        self._wait(self.prefect)
        return self.prefect.url.removesuffix("/api")

    def environment_of(self, stage: str, *, stopping: threading.Event | None = None) -> dict[str, str]:
        """What the process of `stage` must find in its environment; waits for Ray where it needs it.

        Raises:
            ServerError: Ray does not answer.
            StoppedError: `stopping` was set meanwhile.
        """
        if self.ray not in self._started or not needs_ray(stage, self._params):
            return {}
        self._wait(self.ray, stopping)
        return self.ray.client_environment()

    def _wait(self, server: Server, stopping: threading.Event | None = None) -> None:
        start = time.monotonic()
        server.wait(stopping=stopping)
        with self._counting:
            self.waited_seconds += time.monotonic() - start


def needs_ray(stage: str, params: Params) -> bool:
    """Whether `stage` uses the Ray node of this run: by its params, and unless an existing cluster is named."""
    if params.compute.address is not None:
        return False
    if stage in _TRAINED:
        return bool(getattr(params, stage).workers > 1)
    if params.compute.executor != "ray":
        return False
    if stage == "ablate":
        return _TABLE_OF_THE_UNREFINED in params.ablate.tables
    return stage in _SHARDED or (stage == "detect" and params.detect.source == "network")
