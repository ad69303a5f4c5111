"""`corrtrack reproduce`: the repository's own corpus through all stages, doing only what is stale."""

import time
from collections.abc import Callable
from functools import partial

from rich.console import Console

from flows.runtime.corpus import make_demo_corpus, record_corpus, wants_demo_corpus
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.pipeline import Pipeline, dvc_status, read_pipeline, set_broken_lock_aside
from flows.runtime.processes import RunFile, end_leftovers, stopping_on_sigterm
from flows.runtime.progress_view import ProgressView, progress_view
from flows.runtime.repository import Repository
from flows.runtime.run_lock import run_lock
from flows.runtime.run_servers import RunServers
from flows.runtime.stage_flow import run_side_by_side
from flows.runtime.stage_runs import Watcher, pass_over_stage, run_stage
from flows.runtime.summary import RunTimes, exit_code, print_summary
from tasks.params.loading import load_params
from tasks.params.sections import Params


def reproduce(repository: Repository, console: Console, *, prepare: Callable[[], object] = lambda: None) -> ExitCode:
    """Bring every stage up to date and print what came of it.

    Args:
        repository: The checkout.
        console: Where progress and the table go.
        prepare: What must happen while no other run can, such as writing params.yaml.

    Raises:
        InputError: another run is going on, or params.yaml does not fit.
        StageFailedError: a stage ended with an error.
    """
    start = time.monotonic()
    pipeline = read_pipeline(repository.root / "dvc.yaml")
    with stopping_on_sigterm(), run_lock(repository.state / "run.lock", command="corrtrack reproduce"):
        prepare()
        params = load_params(repository.params)
        run_file = RunFile(repository.state / "run.json")
        with progress_view(console, pipeline.stages) as view:
            tell_leftovers(run_file, view)
            with RunServers(repository, run_file, params) as servers:
                outcomes = _bring_up_to_date(Watcher(repository, run_file, view), servers, pipeline, params)
    times = RunTimes(total=time.monotonic() - start, servers=servers.waited_seconds)
    print_summary(console, repository.workspace, outcomes, times)
    return exit_code(repository.workspace)


def tell_leftovers(run_file: RunFile, view: ProgressView) -> None:
    """End what an earlier run left running, and say so."""
    for leftover in end_leftovers(run_file):
        view.say(f"ended what an earlier run had left running: {leftover.name} (pid {leftover.pid})")


def _bring_up_to_date(watcher: Watcher, servers: RunServers, pipeline: Pipeline, params: Params) -> list[StageOutcome]:
    """Outcome of every stage, in order; only those that may be stale become tasks of the flow."""
    repository = watcher.repository
    if wants_demo_corpus(repository, params):
        servers.start_for(pipeline.stages)  # beside the synthesis: whatever there was is stale
        make_demo_corpus(watcher)
        record_corpus(watcher)
    if aside := set_broken_lock_aside(repository):
        watcher.view.say(f"dvc.lock: is no YAML, perhaps cut off by a killed run; moved to {aside}")
    status = dvc_status(repository)
    if "data.dvc" in status or not (repository.root / "data.dvc").is_file():
        record_corpus(watcher)
    stale = set(status) & set(pipeline.stages)
    waiting = pipeline.with_downstream(stale)
    done: list[StageOutcome] = []
    if waiting:
        servers.start_for(waiting)
        watcher.view.say(f"Prefect shows this run at {servers.connect_prefect()}")
        bring = partial(_bring, watcher, servers, pipeline, stale)
        done = run_side_by_side(
            "reproduce",
            {stage: partial(bring, stage) for stage in waiting},
            after={stage: set(pipeline.upstream(stage)) & set(waiting) for stage in waiting},
            at_once=params.compute.stages_at_once,
            stop=watcher.stopping.set,
        )
    found = {outcome.stage: outcome for outcome in done}
    return [found.get(stage, StageOutcome(stage, "unchanged", 0.0)) for stage in pipeline.stages]


def _bring(watcher: Watcher, servers: RunServers, pipeline: Pipeline, stale: set[str], stage: str) -> StageOutcome:
    if stage not in stale and pipeline.inputs_are_recorded(stage, watcher.repository.root / "dvc.lock"):
        return pass_over_stage(watcher, stage)
    return run_stage(watcher, stage, environment=servers.environment_of(stage, stopping=watcher.stopping))
