"""Running the programs of a run: followed, recorded, ended with it; `dvc repro --single-item STAGE` above all."""

import contextlib
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import psutil

from flows.runtime import dvc_program
from flows.runtime.outcomes import ExitCode, StageFailedError, StageOutcome, State, StoppedError
from flows.runtime.processes import RunFile, end_children, end_tree
from flows.runtime.progress_view import EventFile, ProgressView
from flows.runtime.repository import Repository
from flows.runtime.signals import deferred, undisturbed
from flows.runtime.verbosity import OutputFile
from tasks.errors import memory_fault
from tasks.progress import progress_file

_POLL_SECONDS = 0.1
_LAST_LINES = 12
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""Exit codes of a process that the system ended, as it does when memory runs out."""


class ProcessRunner:
    """Runs programs, any number of them side by side, each from a thread of its own.

    It shows their events, keeps their output, and ends them when the run ends.
    """

    def __init__(
        self, repository: Repository, run_file: RunFile, view: ProgressView, stopping: threading.Event | None = None
    ) -> None:
        self.repository = repository
        self.view = view
        self.run_file = run_file
        self.stopping = stopping or threading.Event()
        """Once set, every program that runs is ended, and its thread gets a StoppedError."""
        self.restart_history: Callable[[], bool] = lambda: False
        """Starts a Prefect server where the run's has ended, and says whether it did."""

    def run(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str] | None = None,
        *,
        stages: Sequence[str] = (),
    ) -> tuple[int, str]:
        """Exit code and output of `command`, whose events are those of the progress file of `name`.

        Where it runs several `stages`, it is their progress that is shown as that of `name`, without notices.

        Raises:
            StoppedError: the run was asked to stop before the command ended by itself.
        """
        log = self.repository.state / "logs" / f"{name}.run.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        events = [EventFile(progress_file(self.repository.state, stage)) for stage in stages or (name,)]
        with contextlib.ExitStack() as ending:
            with log.open("wb") as output, deferred():
                process = subprocess.Popen(
                    command,
                    cwd=self.repository.root,
                    env=self.repository.environment() | dict(environment or {}),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                end = end_children if _is_dvc(command) else end_tree
                ending.enter_context(self._ended_with_the_run(process, name, end=end))
            lines = OutputFile(log)
            while process.poll() is None:
                self._show(name, events, lines)
                if self.stopping.wait(_POLL_SECONDS):
                    raise StoppedError(f"{name}: stopped with the run; run it again to continue")
            self._show(name, events, lines)
        return process.returncode, log.read_text(encoding="utf-8", errors="replace")

    def _show(self, name: str, files: Sequence[EventFile], lines: OutputFile) -> None:
        for line in lines.new_lines():
            self.view.report(line)
        for event in (event for file in files for event in file.new_events()):
            if len(files) == 1:
                self.view.event(event)
            elif event["kind"] in ("start", "advance"):
                self.view.event(event | {"stage": name})

    @contextlib.contextmanager
    def _ended_with_the_run(
        self, process: subprocess.Popen[bytes], name: str, *, end: Callable[[psutil.Process], None]
    ) -> Iterator[None]:
        record = None
        try:
            with contextlib.suppress(psutil.NoSuchProcess):
                record = self.run_file.add(name, process.pid)
            yield
        finally:
            with undisturbed(), contextlib.suppress(psutil.NoSuchProcess):
                if process.poll() is None:
                    end(psutil.Process(process.pid))
            if record is not None:
                self.run_file.discard(record)


def update_by_dvc(
    runner: ProcessRunner, stage: str, *, environment: Mapping[str, str] | None = None, force: bool = False
) -> StageOutcome:
    """Let DVC update `stage`.

    Raises:
        StageFailedError: the stage, or DVC, ended with an error.
        StoppedError: the run was asked to stop, because another stage failed or by the user.
    """
    command = [*dvc_program.COMMAND, "repro", "--single-item", stage]
    return update_by_program(runner, stage, command + ["--force"] * force, environment, state_of=state_of_dvc)


def update_by_program(
    runner: ProcessRunner,
    stage: str,
    command: list[str],
    environment: Mapping[str, str] | None = None,
    *,
    state_of: Callable[[str], State] = lambda _: "ran",
    stages: Sequence[str] = (),
) -> StageOutcome:
    """Run the program that brings `stage` up to date, with progress; `state_of` reads from its output what it did.

    With `stages` it is a name for a run of these.

    Raises:
        StageFailedError: it ended with an error.
        StoppedError: the run was asked to stop.
    """
    runner.view.begin(stage)
    start = time.monotonic()
    try:
        code, output = runner.run(stage, command, environment, stages=stages)
    except StoppedError as stopped:
        runner.view.clear(stage)
        runner.view.report(str(stopped))
        raise
    if code != 0:
        raise failure(stage, output, code)
    outcome = StageOutcome(stage, state_of(output), time.monotonic() - start)
    runner.view.end(outcome)
    return outcome


def failure(name: str, output: str, code: int) -> StageFailedError:
    """The error of a program that ended with `code`, in the last words that it, or a stage of DVC's, reported."""
    ended = re.search(r"exited with (-?\d+)", output)
    code = int(ended[1]) if ended else code
    if code in _KILLED:
        return StageFailedError(name, ExitCode.FAILED, f"{name}: its process was killed, maybe since {memory_fault()}")
    exit_code = ExitCode.BAD_INPUT if code == ExitCode.BAD_INPUT else ExitCode.FAILED
    failed = re.search(r"failed to reproduce '([^']+)'", output)
    stage = failed[1] if failed else name
    lines = [line for line in output.splitlines() if line.startswith(f"{stage}: ")]
    message = lines[-1] if lines else "\n".join([f"{name} failed:", *output.strip().splitlines()[-_LAST_LINES:]])
    return StageFailedError(name, exit_code, message)


def _is_dvc(command: list[str]) -> bool:
    """Whether the command is DVC's, which must not be cut off while it writes dvc.lock."""
    return command[: len(dvc_program.COMMAND)] == list(dvc_program.COMMAND)


def state_of_dvc(output: str) -> State:
    """What `dvc repro` did, by its output."""
    if re.search(r"^Running stage ", output, re.MULTILINE):
        return "ran"
    return "restored" if "is cached - skipping run" in output else "unchanged"
