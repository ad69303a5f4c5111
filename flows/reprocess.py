"""`corrtrack reprocess`: a corpus outside the repository, by trained networks, without DVC."""

import hashlib
import importlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from flows.reproduce import tell_leftovers
from flows.runtime.external_corpus import corpus_view, forget_videos_that_left, require_corpus
from flows.runtime.outcomes import ExitCode, StageFailedError, StageOutcome
from flows.runtime.processes import RunFile, stopping_on_sigterm
from flows.runtime.progress_view import EventFile, ProgressView, progress_view
from flows.runtime.repository import Repository
from flows.runtime.run_lock import run_lock
from flows.runtime.run_servers import RunServers
from flows.runtime.stage_flow import run_in_order
from flows.runtime.summary import RunTimes, exit_code, print_summary
from tasks.determinism import limit_threads, make_deterministic
from tasks.errors import InputError
from tasks.out_folder import claim_out_folder
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import progress_file
from tasks.provenance import recorded
from tasks.whole_files import whole_file, write_whole
from tasks.workspace import Workspace

STAGES: Final = ("index", "detect", "estimate", "recover", "track", "merge", "score", "report")
"""Stages that need no training, in order."""
NETWORKS: Final = ("pose", "correspondence")


@dataclass(frozen=True)
class ReprocessRequest:
    """What to track and by what, as the user said it."""

    corpus: Path
    out: Path
    weights: Path | None
    detections: tuple[Path, ...]


def reprocess(repository: Repository, request: ReprocessRequest, console: Console) -> ExitCode:
    """Track the corpus into `request.out`: tables, tracks, scores where it is annotated, and a report.

    Finished shards are kept in the out folder's store, so a second call goes on where the first ended.

    Raises:
        InputError: corpus, weights, params.yaml or the out folder cannot be used, or another run writes to it.
    """
    start = time.monotonic()
    params = load_params(repository.params)
    weights = find_weights(repository, request.weights)
    require_corpus(request.corpus, request.detections)
    out = claim_out_folder(request.out, inputs=[request.corpus, *request.detections])
    place = replace(repository, own_state=out / ".corrtrack")
    with stopping_on_sigterm(), run_lock(place.state / "run.lock", command="corrtrack reprocess"):
        data = corpus_view(request.corpus, request.detections, place.state / "corpus")
        workspace = Workspace(data, out / "artifacts", out / "reports", place.state)
        _take_weights(weights, workspace)
        _write_request(workspace, request, weights)
        _log_to(_log_file(workspace))
        run_file = RunFile(place.state / "run.json")
        with progress_view(console, STAGES) as view:
            tell_leftovers(run_file, view)
            with RunServers(place, run_file, params) as servers:
                servers.start_for(list(STAGES))
                view.say(f"Prefect shows this run at {servers.connect_prefect()}")
                limit_threads(params.run.threads_per_worker)
                bring = partial(_bring, view, servers, workspace, params)
                outcomes = run_in_order("reprocess", {stage: partial(bring, stage) for stage in STAGES})
    times = RunTimes(total=time.monotonic() - start, servers=servers.waited_seconds)
    print_summary(console, workspace, outcomes, times)
    return exit_code(workspace)


def find_weights(repository: Repository, folder: Path | None) -> dict[str, Path]:
    """Weight files by name: those of `folder`, or those that the repository has trained.

    Raises:
        InputError: one of the networks is missing; says how to get them.
    """
    place = repository.workspace.models if folder is None else folder.expanduser().resolve()
    files = {name: place / f"{name}.safetensors" for name in NETWORKS}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        raise InputError(
            f"{place}: expected the weights {' and '.join(path.name for path in files.values())}, found no "
            f"{' and no '.join(missing)}; train them with `make demo` (or with `corrtrack reproduce --profile "
            "paper` on your own data), or take released ones by `corrtrack import-weights` and name them with --weights"
        )
    return files


def _bring(view: ProgressView, servers: RunServers, workspace: Workspace, params: Params, stage: str) -> StageOutcome:
    view.begin(stage)
    start = time.monotonic()
    os.environ.update(servers.environment_of(stage))
    with _followed(view, workspace, stage), _told_briefly(stage, workspace):
        _run(stage, workspace, params)
    if stage == "index" and (left := forget_videos_that_left(workspace)):
        view.say(f"left the corpus since the last run, what was written of them is deleted: {', '.join(left)}")
    outcome = StageOutcome(stage, "ran", time.monotonic() - start)
    view.end(outcome)
    return outcome


def _run(stage: str, workspace: Workspace, params: Params) -> None:
    module = importlib.import_module(f"tasks.{stage}")
    make_deterministic(params.run.seed, params.run.threads_per_worker)
    with recorded(stage, workspace):
        module.run(workspace, params)


@contextmanager
def _told_briefly(stage: str, workspace: Workspace) -> Iterator[None]:
    """Turn an unforeseen error into one sentence; the traceback goes to the log."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        logging.getLogger("tasks").exception("%s failed", stage)
        words = f"{stage}: failed with {type(error).__name__}: {error}; traceback in {_log_file(workspace)}"
        raise StageFailedError(stage, ExitCode.FAILED, words) from error


def _log_file(workspace: Workspace) -> Path:
    return workspace.state / "logs" / "stages.log"


def _log_to(path: Path) -> None:
    """Keep what the stages log in a file; the screen shows their events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for ring in ("tasks", "models"):
        logger = logging.getLogger(ring)
        logger.setLevel(logging.DEBUG)
        logger.handlers[:] = [handler]
        logger.propagate = False


@contextmanager
def _followed(view: ProgressView, workspace: Workspace, stage: str) -> Iterator[None]:
    """Show the events of a stage that runs in this very process."""
    events = EventFile(progress_file(workspace.state, stage))
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(0.1):
            _show()
        _show()

    def _show() -> None:
        for event in events.new_events():
            view.event(event)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()


def _take_weights(files: dict[str, Path], workspace: Workspace) -> None:
    """Keep the weights with what they produce; unchanged ones are left where they are."""
    workspace.models.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        target = workspace.weights(name)
        if not target.is_file() or _digest(target) != _digest(source):
            with whole_file(target) as partly:
                shutil.copyfile(source, partly)


def _write_request(workspace: Workspace, request: ReprocessRequest, weights: dict[str, Path]) -> None:
    """Note beside the stages' provenance what was asked for, and by which weights."""
    workspace.provenance.mkdir(parents=True, exist_ok=True)
    record = {
        "corpus": str(request.corpus),
        "detections": [str(path) for path in request.detections],
        "weights": {name: {"file": str(path), "sha256": _digest(path)} for name, path in weights.items()},
    }
    write_whole(workspace.artifacts / "request.json", json.dumps(record, indent=2) + "\n")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
