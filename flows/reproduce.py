"""`corrtrack reproduce` and `corrtrack stage`: the repository's own corpus, only what is stale."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from rich.console import Console

from flows.runtime.corpus import make_demo_corpus, record_corpus, wants_demo_corpus
from flows.runtime.exclusive_run import exclusive_run
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.pipeline import Pipeline, dvc_status, move_broken_lock, read_pipeline
from flows.runtime.prefect_flow import flow, side_by_side
from flows.runtime.process_runner import ProcessRunner, update_by_dvc
from flows.runtime.repository import Repository, make_private
from flows.runtime.run_servers import RunServers
from flows.runtime.summary import RunTimes, exit_code, headline, print_summary
from tasks.errors import InputError
from tasks.params.loading import load_params
from tasks.params.sections import Params


@flow("reproduce")
def update_stages(
    runner: ProcessRunner, servers: RunServers, pipeline: Pipeline, stale: set[str], at_once: int
) -> Iterator[StageOutcome]:
    """Update the stale stages, and those behind them, each as soon as the stages it reads from are up to date."""
    stages = pipeline.with_downstream(stale)
    return side_by_side(
        {stage: partial(_update, runner, servers, pipeline, stale, stage) for stage in stages},
        after={stage: set(pipeline.upstream(stage)) & set(stages) for stage in stages},
        at_once=at_once,
        stop=runner.stopping.set,
    )


def reproduce(repository: Repository, console: Console, *, prepare: Callable[[], object] = lambda: None) -> ExitCode:
    """Bring every stage up to date and print the scores and seconds.

    Args:
        repository: The checkout.
        console: Where progress and the table go.
        prepare: What must happen while no other run can, such as writing params.yaml.

    Raises:
        InputError: another run is going on, or params.yaml does not fit.
        StageFailedError: a stage ended with an error.
        StoppedError: SIGINT or SIGTERM came.
    """
    start = time.monotonic()
    before = headline(repository.workspace.reports / "metrics.json")
    pipeline = read_pipeline(repository.root / "dvc.yaml")
    with exclusive_run(repository, console, pipeline.stages, command="corrtrack reproduce") as runner:
        prepare()
        params = load_params(repository.params)
        with RunServers(runner, params) as servers:
            _provide_corpus(runner, servers, pipeline, params)
            stale = _stale_stages(runner, pipeline)
            updated: list[StageOutcome] = []
            if stale:
                servers.start_for(pipeline.with_downstream(stale))
                servers.connect_prefect()
                updated = update_stages(runner, servers, pipeline, stale, params.compute.stages_at_once)
    outcome_of = {outcome.stage: outcome for outcome in updated}
    outcomes = [outcome_of.get(stage, StageOutcome(stage, "unchanged", 0.0)) for stage in pipeline.stages]
    times = RunTimes(total=time.monotonic() - start, servers=servers.waited_seconds)
    print_summary(console, repository.workspace, outcomes, times, before=before)
    return exit_code(repository.workspace)


def reproduce_stage(repository: Repository, stage: str, console: Console, *, force: bool = False) -> ExitCode:
    """Let DVC bring this one stage up to date, without those before it; a stage that needs Ray starts its own.

    Raises:
        InputError: no such stage, or another run is going on.
        StageFailedError: the stage ended with an error.
        StoppedError: SIGINT or SIGTERM came.
    """
    stages = read_pipeline(repository.root / "dvc.yaml").stages
    if stage not in stages:
        raise InputError(f"stage {stage}: expected one of {', '.join(stages)}")
    with exclusive_run(repository, console, [stage], command=f"corrtrack stage {stage}") as runner:
        make_private(keep_ray=load_params(repository.params).compute.address is not None)
        update_by_dvc(runner, stage, force=force)
    return exit_code(repository.workspace)


def _provide_corpus(runner: ProcessRunner, servers: RunServers, pipeline: Pipeline, params: Params) -> None:
    """Make the demo corpus where there is none; the servers start meanwhile, since every stage is stale then."""
    if wants_demo_corpus(runner.repository, params):
        servers.start_for(pipeline.stages)
        make_demo_corpus(runner)
        record_corpus(runner)


def _stale_stages(runner: ProcessRunner, pipeline: Pipeline) -> set[str]:
    """Stages that DVC finds changed, after data.dvc has been made true."""
    repository = runner.repository
    if moved := move_broken_lock(repository):
        runner.view.report(f"dvc.lock: is no YAML, perhaps cut off by a killed run; moved to {moved}")
    status = dvc_status(repository)
    if "data.dvc" in status or not (repository.root / "data.dvc").is_file():
        record_corpus(runner)
    return set(status) & set(pipeline.stages)


def _update(
    runner: ProcessRunner, servers: RunServers, pipeline: Pipeline, stale: set[str], stage: str
) -> StageOutcome:
    if stage not in stale and pipeline.inputs_are_recorded(stage, runner.repository.root / "dvc.lock"):
        runner.view.begin(stage)
        outcome = StageOutcome(stage, "unchanged", 0.0)
        runner.view.end(outcome)
        return outcome
    return update_by_dvc(runner, stage, environment=servers.environment_of(stage))
