"""`corrtrack reprocess`: a corpus outside the repository, by trained networks, without DVC."""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from flows.cli.params_choice import read_chosen_params
from flows.reprocess_request import PRETRAINED, ReprocessRequest
from flows.runtime.disk_space import require_space
from flows.runtime.exclusive_run import exclusive_run
from flows.runtime.external_corpus import corpus_view, holds_any_video, require_corpus
from flows.runtime.in_process import import_stages, log_file, log_stages_to, update_in_process
from flows.runtime.last_run import LastRun, stamps
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.prefect_flow import flow, update
from flows.runtime.printing import print_line
from flows.runtime.process_runner import ProcessRunner
from flows.runtime.remote_corpus import cache_folder, fetch, require_readable
from flows.runtime.repository import Repository
from flows.runtime.run_servers import RunServers
from flows.runtime.run_weights import copy_weights, find_weights, starting_weights_notice
from flows.runtime.summary import RunTimes, exit_code, print_summary
from flows.scheduling.corpus_look import by_name, waiting_videos
from flows.scheduling.run_states import RunStates
from flows.scheduling.state_table import StateTable
from flows.scheduling.video_states import Keys
from tasks.content_key import code_key, content_key, file_digest, packages_key
from tasks.determinism import limit_threads
from tasks.errors import InputError
from tasks.formats.pose_files.registry import AUTO, FORMATS
from tasks.formats.track_formats import TRACK_FORMATS, require_formats
from tasks.inference.box_sources import detector_weights, require_boxes, uses_detector
from tasks.inference.usable_poses import require_usable_poses
from tasks.out_folder import claim_out_folder
from tasks.params.sections import Params
from tasks.run_digests import params_digest
from tasks.shards.ray_cluster import ray_on_demand
from tasks.stages import STAGES
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

STAGES_OUTSIDE: Final = tuple(name for name, stage in STAGES.items() if stage.fits_external_corpus)
"""Stages that need no training, in order."""


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
    outcomes, waited_seconds = [StageOutcome(stage, "unchanged", 0.0) for stage in STAGES_OUTSIDE], 0.0
    with exclusive_run(
        separate, console, STAGES_OUTSIDE, command="corrtrack reprocess", patience_seconds=patience_seconds
    ) as runner:
        if notice := starting_weights_notice(weights):
            print_line(console, notice)
        if request.url:
            fetch(request.url, cache_folder(separate.state), runner.view.report)
        table = StateTable(out, keys_of(params, weights), attempts=request.attempts)
        waiting = waiting_videos(request.corpus, table.rows, settle_seconds=request.quiet_seconds)
        workspace = workspace_of(request, out, separate.state, waiting)
        states = RunStates(table, by_name(request.corpus, waiting))
        written = [workspace.artifacts, workspace.reports, out / "overlays"]
        last_run = LastRun(separate.state / "last_run.json", written)
        inputs = _inputs(request, workspace, weights, params)
        if (waiting or table.rows) and not holds_any_video(workspace):
            states.begin_without_any(workspace)
            print_line(console, f"no video to track in {request.corpus_name} now, {len(waiting)} may be being written")
            return ExitCode.DONE
        if last_run.is_current(inputs) and table.path.is_file():
            states.go_on()
        else:
            last_run.forget()
            copy_weights(weights, workspace)
            _write_request(workspace, request, weights, params)
            log_stages_to(log_file(workspace))
            try:
                with (
                    RunServers(runner, params, has_prefect=is_part_of_flow) as servers,
                    ray_on_demand(servers.ray_address),
                ):
                    servers.start_prefect()
                    limit_threads(params.run.threads_per_worker)
                    servers.connect_prefect(meanwhile=import_stages)
                    outcomes = track_corpus(runner, workspace, params, states)
            except BaseException as error:
                states.fault(error)
                raise
            waited_seconds = servers.waited_seconds
            states.end(workspace, outcomes)
            last_run.record(inputs)
    print_summary(console, workspace, outcomes, RunTimes(total=time.monotonic() - start, servers=waited_seconds))
    return exit_code(workspace)


def checked(repository: Repository, request: ReprocessRequest) -> tuple[Params, dict[str, Path]]:
    """Params and weight files of the run.

    Raises:
        InputError: they, or the corpus, cannot be used.
    """
    params = params_for(request, base_params(repository, request))
    weights = find_weights(repository, request.weights, needs_pose=params.estimate.source == "network")
    require_corpus(None if request.url else request.corpus, request.detections, request.poses)
    if request.url:
        require_readable(request.url)
    if params.detect.source == "torchvision" and uses_detector(params):
        detector_weights(params.detect)
    return params, weights


def workspace_of(request: ReprocessRequest, out: Path, state: Path, waiting: Collection[Path]) -> Workspace:
    """The folders of the run; the corpus is seen without the videos that wait."""
    without = waiting if request.quiet_seconds > 0 else None
    data = corpus_view(request.corpus, request.detections, state / "corpus", request.poses, without=without)
    return Workspace(data, out / "artifacts", out / "reports", state, out / "overlays")


def keys_of(params: Params, weights: Mapping[str, Path]) -> Keys:
    """Digests of what the run tracks by."""
    named = params.detect.network_weights if uses_detector(params) else None
    detector = {"detector": Path(named)} if named and Path(named).is_file() else {}
    return Keys(
        code=content_key([code_key(*(f"tasks.{stage}" for stage in STAGES_OUTSIDE)), packages_key()]),
        params=params_digest(params.model_dump(mode="json")),
        weights=content_key({**weights, **detector}),
    )


def base_params(repository: Repository, request: ReprocessRequest) -> Params:
    """The params before what the user names by options of their own: params.yaml or a profile, with the settings.

    Raises:
        InputError: no such profile or key, or a value that does not fit.
    """
    return read_chosen_params(repository, profile=request.profile, settings=request.settings)


def params_for(request: ReprocessRequest, params: Params) -> Params:
    """The params of the run: those of params.yaml, with what the user names on the command line.

    Raises:
        InputError: poses and person boxes are both named, or a format of poses without poses, or a format is unknown
            or needs packages that are not installed.
    """
    sections: dict[str, dict[str, Any]] = {}
    if request.people is not None:
        sections["report"] = {"people": request.people}
    if request.formats:
        sections["export"] = _of_formats(request.formats, params)
    if request.poses is not None:
        sections |= _of_files(request, params)
    elif request.pretrained is not None:
        sections |= _of_network(request)
    elif request.pose_format is not None:
        raise InputError(f"--pose-format {request.pose_format}: expected --poses too, which it is the format of")
    return params.model_copy(
        update={name: getattr(params, name).model_copy(update=values) for name, values in sections.items()}
    )


def _of_formats(names: tuple[str, ...], params: Params) -> dict[str, Any]:
    """Values of the section `export` that have these formats written too."""
    if unknown := [name for name in names if name not in TRACK_FORMATS]:
        raise InputError(f"--format must be one of {', '.join(TRACK_FORMATS)}, got {unknown[0]}")
    require_formats(names)
    lists = {key: getattr(params.export, key) for key in ("formats", "formats_without_annotations")}
    return {key: list(dict.fromkeys([*chosen, *names])) for key, chosen in lists.items()}


def _of_files(request: ReprocessRequest, params: Params) -> dict[str, dict[str, Any]]:
    """Values, by section, that let poses of files be tracked."""
    if request.pretrained is not None:
        raise InputError("expected --poses or --pretrained, got both")
    if request.detections:
        raise InputError(
            "expected --poses or --detections, got both; the boxes of poses are those around their keypoints"
        )
    if request.pose_format not in {None, AUTO, *FORMATS}:
        raise InputError(f"--pose-format must be {AUTO} or one of {', '.join(FORMATS)}, got {request.pose_format}")
    return {
        "index": {"pose_format": request.pose_format or params.index.pose_format},
        "detect": {"source": "poses", "box_sources": ["detected"]},
        "estimate": {"source": "file"},
    }


def _of_network(request: ReprocessRequest) -> dict[str, dict[str, Any]]:
    """Values, by section, that let the poses of a public network be tracked."""
    if request.pretrained not in PRETRAINED:
        raise InputError(f"--pretrained must be one of {', '.join(PRETRAINED)}, got {request.pretrained}")
    if request.detections or request.pose_format is not None:
        other = "--detections" if request.detections else "--pose-format"
        raise InputError(f"expected --pretrained or {other}, got both; its network finds boxes and poses by itself")
    return {
        "detect": {"source": request.pretrained, "box_sources": ["detected"]},
        "estimate": {"source": request.pretrained},
    }


def _inputs(
    request: ReprocessRequest, workspace: Workspace, weights: dict[str, Path], params: Params
) -> dict[str, Any]:
    """Everything that a run's results depend on."""
    return {
        "corpus": [str(request.corpus.expanduser().resolve()), stamps(workspace.data)],
        "keys": asdict(keys_of(params, weights)),
    }


def _write_request(workspace: Workspace, request: ReprocessRequest, weights: dict[str, Path], params: Params) -> None:
    """Record beside the stages' provenance what was asked for, by which weights and params."""
    workspace.provenance.mkdir(parents=True, exist_ok=True)
    record = {
        "corpus": str(request.corpus.expanduser().resolve()),
        "corpus_url": request.url,
        "detections": [str(path) for path in request.detections],
        "poses": None if request.poses is None else str(request.poses.expanduser().resolve()),
        "pretrained": request.pretrained,
        "profile": request.profile,
        "settings": list(request.settings),
        "formats": list(request.formats),
        "weights": {name: {"file": str(path), "sha256": file_digest(path)} for name, path in weights.items()},
        "params": params.model_dump(mode="json"),
    }
    write_whole(workspace.artifacts / "request.json", json.dumps(record, indent=2) + "\n")
