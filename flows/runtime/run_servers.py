"""The servers of one run: started side by side, only those that are needed, stopped whatever happens."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import TracebackType

from flows.runtime.history import answers
from flows.runtime.outcomes import ExitCode
from flows.runtime.prefect_program import import_settings
from flows.runtime.prefect_server import RunPrefectServer
from flows.runtime.process_runner import ProcessRunner
from flows.runtime.repository import make_private
from flows.runtime.servers import RayHead, Server, ServerError
from flows.runtime.signals import undisturbed
from tasks.lasting_imports import lasting_imports
from tasks.params.sections import Params
from tasks.stages import STAGES


class RunServers:
    """A with block: servers that were started inside it are stopped at its end; a kept one goes on.

    This process, their client, gets the same private environment as they do.

    Args:
        runner: of the run.
        params: of the run.
        has_prefect: whether this process is the client of a Prefect server already, which is kept.
    """

    def __init__(self, runner: ProcessRunner, params: Params, *, has_prefect: bool = False) -> None:
        self.prefect = RunPrefectServer(runner.repository, runner.run_file)
        self.ray = RayHead(runner.repository, runner.run_file, workers=params.compute.workers)
        self.waited_seconds = 0.0
        """How long the run, or one of its stages, stood still until a server answered."""
        self._counting = threading.Lock()
        self._runner = runner
        self._has_prefect = has_prefect
        self._params = params
        self._started: list[Server] = []
        self._ended = threading.Event()
        self._has_lost_ray = self._has_client_here = False
        self._ray_watch = threading.Thread(target=self._stop_without_ray, daemon=True)

    def __enter__(self) -> "RunServers":
        if not self._has_prefect:
            make_private(keep_ray=self._params.compute.address is not None)
        self.ray.delete_folder()  # one that an earlier, killed run has left
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        with undisturbed():
            self._stop()
        if error is not None and self._has_lost_ray:
            raise ServerError(self._loss()) from None

    def start_for(self, stages: list[str]) -> None:
        """Start what the update of `stages` needs and does not run yet; returns at once."""
        self.start_prefect()
        if any(needs_ray(stage, self._params) for stage in stages):
            self._start(self.ray)

    def start_prefect(self) -> None:
        """Start Prefect alone, unless it runs; returns at once."""
        if not self._has_prefect:
            self._start(self.prefect)

    def ray_address(self) -> str:
        """Address of the Ray node for stages that run in this process; it is started at the first call."""
        self._has_client_here = True
        self._start(self.ray)
        self._wait_for_ray()
        os.environ.update(self.ray.client_environment())
        return self.ray.address

    def connect_prefect(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Do `meanwhile`, wait for Prefect, make it this process's server, and report the address of its pages.

        Call it before `prefect` is imported.
        """
        if self._has_prefect:
            meanwhile()
            return
        os.environ.update(self.prefect.client_environment())
        import_settings(self.prefect.home)  # seconds that pass while the server starts
        with lasting_imports():
            meanwhile()
        self._wait(self.prefect)
        self._runner.restart_history = self._restart_prefect
        self._runner.view.report(f"Prefect shows this run at {self.prefect.url.removesuffix('/api')}")

    def _restart_prefect(self) -> bool:
        """Put a server of this run in the place of a shared one that has ended; False where it answers."""
        if answers(self.prefect.url):
            return False
        self._wait(self.prefect)
        return True

    def environment_of(self, stage: str) -> dict[str, str]:
        """What the process of `stage` must find in its environment; waits for Ray where it needs it.

        Raises:
            ServerError: Ray does not answer.
            StoppedError: the run stopped meanwhile.
        """
        if self.ray not in self._started or not needs_ray(stage, self._params):
            return {}
        self._wait_for_ray()
        return self.ray.client_environment()

    def _wait_for_ray(self) -> None:
        self._wait(self.ray)
        with self._counting:
            if self._ray_watch.ident is None:  # not started yet
                self._ray_watch.start()

    def _stop_without_ray(self) -> None:
        """Stop the run when Ray ends: its clients would wait a minute, and then end without a sentence."""
        while not self._ended.wait(0.5):
            if not self.ray.is_running():
                self._has_lost_ray = True
                if self._has_client_here:
                    self._end_this_process()
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def _end_this_process(self) -> None:
        """End at once: a client of a Ray that has gone neither returns nor lets Python end in order."""
        self._runner.view.report(self._loss())
        self._runner.view.console.show_cursor()
        self._stop()
        os._exit(ExitCode.FAILED)

    def _loss(self) -> str:
        return (
            f"Ray ended before the run, perhaps killed or out of memory; see {self.ray.log}; finished work is kept, "
            "the same command continues from there"
        )

    def _stop(self) -> None:
        threads = [threading.Thread(target=server.stop) for server in self._started]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._started.clear()

    def _start(self, server: Server) -> None:
        if server not in self._started:
            self._started.append(server)
            server.start()

    def _wait(self, server: Server) -> None:
        start = time.monotonic()
        server.wait(stopping=self._runner.stopping)
        with self._counting:
            self.waited_seconds += time.monotonic() - start


def needs_ray(stage: str, params: Params) -> bool:
    """Whether `stage` uses the Ray node of this run: by its params, and unless an existing cluster is named."""
    if params.compute.address is not None:
        return False
    if (known := STAGES.get(stage)) is None:  # a step of a trend run, which works in its own process
        return False
    if known.trains:
        return bool(getattr(params, stage).workers > 1)
    return params.compute.executor == "ray" and known.is_sharded(params)
