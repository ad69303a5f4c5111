"""Stages of an external corpus: run in this process, with the same progress and errors as those of the checkout."""

import importlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flows.runtime.outcomes import ExitCode, StageFailedError, StageOutcome
from flows.runtime.progress_view import EventFile, ProgressView
from flows.runtime.verbosity import is_verbose
from tasks.errors import InputError, MachineError, machine_fault
from tasks.params.sections import Params
from tasks.progress import progress_file
from tasks.stage_run import run_stage
from tasks.workspace import Workspace

_STAGE_MODULES: Final = ("tasks.inference.networks", "tasks.export", "tasks.report", "tasks.reporting.overlays")
"""Those that take longest to import, since they import torch, pandas and the page's libraries."""


def import_stages() -> None:
    """Import what the stages will need, while the server starts."""
    for module in _STAGE_MODULES:
        importlib.import_module(module)


def update_in_process(view: ProgressView, workspace: Workspace, params: Params, stage: str) -> StageOutcome:
    """Run `stage` on the workspace and show its events.

    Raises:
        StageFailedError: it ended with an unforeseen error; the traceback is in the log.
    """
    view.begin(stage)
    start = time.monotonic()
    with _followed(view, workspace, stage), _reported_in_one_sentence(stage, workspace):
        run_stage(stage, workspace, params)
    outcome = StageOutcome(stage, "ran", time.monotonic() - start)
    view.end(outcome)
    return outcome


def log_file(workspace: Workspace) -> Path:
    """The log of all stages that run in this process."""
    return workspace.state / "logs" / "stages.log"


def log_stages_to(path: Path) -> None:
    """Keep what the stages log in a file; the screen shows their events, and with -v all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    # Prefect closes every handler when it sets up logging: only one that appends opens its file again.
    handler = logging.FileHandler(path, mode="a", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for ring in ("tasks", "models"):
        logger = logging.getLogger(ring)
        logger.setLevel(logging.DEBUG)
        logger.handlers[:] = [handler]
        logger.propagate = is_verbose()


@contextmanager
def _reported_in_one_sentence(stage: str, workspace: Workspace) -> Iterator[None]:
    """Turn an unforeseen error into one sentence; the traceback goes to the log."""
    try:
        yield
    except InputError:
        raise
    except MachineError as error:
        raise StageFailedError(stage, ExitCode.FAILED, f"{stage}: {error}") from error
    except Exception as error:
        logging.getLogger("tasks").exception("%s failed", stage)
        fault = machine_fault(error)
        message = (
            f"{stage}: {fault}"
            if fault
            else f"{stage}: failed with {type(error).__name__}: {error}; traceback in {log_file(workspace)}"
        )
        raise StageFailedError(stage, ExitCode.FAILED, message) from error


@contextmanager
def _followed(view: ProgressView, workspace: Workspace, stage: str) -> Iterator[None]:
    """Show the events of a stage that runs in this very process."""
    events = EventFile(progress_file(workspace.state, stage))
    ended = threading.Event()

    def show() -> None:
        for event in events.new_events():
            view.event(event)

    def follow() -> None:
        while not ended.wait(0.1):
            show()
        show()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
