"""`corrtrack reprocess`: a corpus outside the repository, by trained networks, without DVC."""

import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.reprocess_params import STAGES_OUTSIDE, checked, fetch_detector, keys_of
from flows.reprocess_request import ReprocessRequest
from flows.runtime.disk_space import require_space
from flows.runtime.exclusive_run import exclusive_run
from flows.runtime.external_corpus import corpus_view, holds_any_video
from flows.runtime.in_process import import_stages, log_file, log_stages_to, update_in_process
from flows.runtime.last_run import LastRun, stamps
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.prefect_flow import flow, update
from flows.runtime.printing import print_line
from flows.runtime.process_runner import ProcessRunner
from flows.runtime.remote_corpus import fetch
from flows.runtime.repository import Repository
from flows.runtime.run_servers import RunServers
from flows.runtime.run_weights import copy_weights, starting_weights_notice
from flows.runtime.summary import RunTimes, exit_code, print_summary
from flows.scheduling.corpus_look import by_name, waiting_videos
from flows.scheduling.run_states import RunStates
from flows.scheduling.state_table import StateTable
from flows.scheduling.video_states import Keys
from tasks.content_key import file_digest
from tasks.determinism import limit_threads
from tasks.errors import InputError
from tasks.inference.box_sources import require_boxes
from tasks.inference.usable_poses import require_usable_poses
from tasks.out_folder import claim_out_folder
from tasks.params.sections import Params
from tasks.shards.ray_cluster import ray_on_demand
from tasks.whole_files import write_whole
from tasks.workspace import Workspace


@dataclass(frozen=True)
class _Run:
    """What one run works on, once it holds the out folder."""

    request: ReprocessRequest
    params: Params
    weights: dict[str, Path]
    keys: Keys
    runner: ProcessRunner
    workspace: Workspace
    states: RunStates
    has_prefect: bool
    """Whether this process runs a Prefect flow already."""


@flow("reprocess")
def track_corpus(
    runner: ProcessRunner, workspace: Workspace, params: Params, states: RunStates
) -> Iterator[StageOutcome]:
    """Run the stages one after the other in this process; finished shards come from the out folder's store."""
    for stage in STAGES_OUTSIDE:
        yield update(stage, partial(update_in_process, runner.view, workspace, params, stage))()
        if stage == "index":
            for sentence in states.begin(workspace, params.detect.splits):
                runner.view.report(sentence)
            require_boxes(workspace, params)
            require_usable_poses(workspace, params)
            require_space(workspace, runner.view.report)


def reprocess(
    repository: Repository,
    request: ReprocessRequest,
    console: Console,
    *,
    is_part_of_flow: bool = False,
    patience_seconds: float = 15.0,
) -> ExitCode:
    """Track the corpus into `request.out`: tables, tracks, scores where it is annotated, and a report.

    A second call continues where the first ended, and does nothing if nothing has changed.

    Args:
        repository: the checkout.
        request: what to track.
        console: where progress and the table go.
        is_part_of_flow: whether this process runs a Prefect flow already, whose server keeps the history.
        patience_seconds: how long to wait for another run of the out folder to end.

    Raises:
        InputError: corpus, weights, params.yaml or the out folder cannot be used, the corpus has no source of person
            boxes, or another run writes to the out folder.
        StageFailedError: a stage ended with an error.
        StoppedError: SIGINT or SIGTERM came.
    """
    start = time.monotonic()
    params, weights = checked(repository, request)
    out = claim_out_folder(request.out, inputs=request.inputs)
    separate = replace(repository, own_state=out / ".corrtrack")
    with exclusive_run(
        separate, console, STAGES_OUTSIDE, command="corrtrack reprocess", patience_seconds=patience_seconds
    ) as runner:
        if notice := starting_weights_notice(weights):
            print_line(console, notice)
        if request.url:
            fetch(request.url, separate.state, runner.view.report)
        keys = keys_of(params, weights)
        table = StateTable(out, keys, attempts=request.attempts)
        waiting = waiting_videos(request.corpus, table.rows, settle_seconds=request.quiet_seconds)
        workspace = workspace_of(request, out, separate.state, waiting)
        states = RunStates(table, by_name(request.corpus, waiting))
        if holds_any_video(workspace):
            fetch_detector(params)
        elif waiting or table.rows:
            states.begin_without_any(workspace)
            print_line(console, f"no video to track in {request.corpus_name} now, {len(waiting)} may be being written")
            return ExitCode.DONE
        elif not any(path.is_file() for path in request.corpus.expanduser().rglob("*")):
            raise InputError(f"{request.corpus_name}: expected a video or a folder of videos, got an empty folder")
        run = _Run(request, params, weights, keys, runner, workspace, states, has_prefect=is_part_of_flow)
        outcomes, waited_seconds = _track_what_changed(run, is_known=table.path.is_file())
    print_summary(console, workspace, outcomes, RunTimes(total=time.monotonic() - start, servers=waited_seconds))
    return exit_code(workspace)


def _track_what_changed(run: _Run, *, is_known: bool) -> tuple[Sequence[StageOutcome], float]:
    """The outcome of every stage, and the seconds that servers were waited for; nothing runs if nothing changed."""
    workspace = run.workspace
    written = [workspace.artifacts, workspace.reports, run.request.out / "overlays"]
    last_run, inputs = LastRun(workspace.state / "last_run.json", written), _inputs(run)
    if is_known and last_run.is_current(inputs):
        run.states.go_on()
        return [StageOutcome(stage, "unchanged", 0.0) for stage in STAGES_OUTSIDE], 0.0
    last_run.forget()
    copy_weights(run.weights, workspace)
    _write_request(run)
    log_stages_to(log_file(workspace))
    try:
        outcomes, waited_seconds = _track_by_servers(run)
    except BaseException as error:
        run.states.fault(error)
        raise
    run.states.end(workspace, outcomes)
    last_run.record(inputs)
    return outcomes, waited_seconds


def _track_by_servers(run: _Run) -> tuple[Sequence[StageOutcome], float]:
    with (
        RunServers(run.runner, run.params, has_prefect=run.has_prefect) as servers,
        ray_on_demand(servers.ray_address),
    ):
        servers.start_prefect()
        limit_threads(run.params.run.threads_per_worker)
        servers.connect_prefect(meanwhile=import_stages)
        return track_corpus(run.runner, run.workspace, run.params, run.states), servers.waited_seconds


def workspace_of(request: ReprocessRequest, out: Path, state: Path, waiting: Collection[Path]) -> Workspace:
    """The folders of the run; the corpus is seen without the videos that wait."""
    without = waiting if request.quiet_seconds > 0 else None
    data = corpus_view(request.corpus, request.detections, state / "corpus", request.poses, without=without)
    return Workspace(data, out / "artifacts", out / "reports", state, out / "overlays")


def _inputs(run: _Run) -> dict[str, Any]:
    """Everything that a run's results depend on."""
    return {
        "corpus": [str(run.request.corpus.expanduser().resolve()), stamps(run.workspace.data)],
        "keys": asdict(run.keys),
    }


def _write_request(run: _Run) -> None:
    """Record beside the stages' provenance what was asked for, by which weights and params."""
    request = run.request
    run.workspace.provenance.mkdir(parents=True, exist_ok=True)
    record = {
        "corpus": str(request.corpus.expanduser().resolve()),
        "corpus_url": request.url,
        "detections": [str(path) for path in request.detections],
        "poses": None if request.poses is None else str(request.poses.expanduser().resolve()),
        "pretrained": request.pretrained,
        "profile": request.profile,
        "settings": list(request.settings),
        "formats": list(request.formats),
        "weights": {name: {"file": str(path), "sha256": file_digest(path)} for name, path in run.weights.items()},
        "params": run.params.model_dump(mode="json"),
    }
    write_whole(run.workspace.artifacts / "request.json", json.dumps(record, indent=2) + "\n")
