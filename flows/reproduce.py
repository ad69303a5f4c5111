"""`corrtrack reproduce` and `corrtrack stage`: the repository's own corpus, only what is stale."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from functools import partial

from rich.console import Console

from flows.runtime.corpus import make_demo_corpus, record_corpus, wants_demo_corpus
from flows.runtime.exclusive_run import exclusive_run
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.pipeline import Pipeline, dvc_status, move_broken_lock, read_pipeline
from flows.runtime.prefect_flow import flow, side_by_side
from flows.runtime.printing import print_json, print_line
from flows.runtime.process_runner import ProcessRunner, update_by_dvc
from flows.runtime.repository import Repository, make_private
from flows.runtime.run_plan import PlannedStage, chosen_stages, plan_table, planned_stages, recorded_params
from flows.runtime.run_servers import RunServers
from flows.runtime.summary import RunTimes, exit_code, headline, print_summary
from tasks.errors import InputError
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.remote.fetched_corpus import require_reachable


@flow("reproduce")
def update_stages(
    runner: ProcessRunner, servers: RunServers, pipeline: Pipeline, stale: set[str], stages: Sequence[str], at_once: int
) -> Iterator[StageOutcome]:
    """Update `stages`, the stale ones and those behind them, each as soon as those it reads from are up to date."""
    return side_by_side(
        {stage: partial(_update, runner, servers, pipeline, stale, stage) for stage in stages},
        after={stage: set(pipeline.upstream(stage)) & set(stages) for stage in stages},
        at_once=at_once,
        stop=runner.stopping.set,
    )


def reproduce(
    repository: Repository,
    console: Console,
    *,
    prepare: Callable[[], object] = lambda: None,
    first: str | None = None,
    last: str | None = None,
) -> ExitCode:
    """Update every stage, or those from `first` until `last`, and print the scores and seconds.

    Args:
        repository: The checkout.
        console: Where progress and the table go.
        prepare: What must happen while no other run can, such as writing params.yaml.
        first: Stages before it are left as they are, also where they are stale.
        last: Only this stage and what it reads from is updated.

    Raises:
        InputError: another run is going on, params.yaml does not fit, or there is no such stage.
        StageFailedError: a stage ended with an error.
        StoppedError: SIGINT or SIGTERM came.
    """
    start = time.monotonic()
    before = headline(repository.workspace.reports / "metrics.json")
    pipeline = read_pipeline(repository.root / "dvc.yaml")
    chosen = chosen_stages(pipeline, first=first, last=last)
    with exclusive_run(repository, console, pipeline.stages, command="corrtrack reproduce") as runner:
        prepare()
        params = load_params(repository.params)
        require_reachable(repository.workspace.data, params.compute)
        with RunServers(runner, params) as servers:
            _provide_corpus(runner, servers, pipeline, params)
            stale = _stale_stages(runner, pipeline)
            reached = pipeline.with_downstream(stale)
            stages = [stage for stage in reached if stage in chosen]
            updated: list[StageOutcome] = []
            if stages:
                servers.start_for(stages)
                servers.connect_prefect()
                updated = update_stages(runner, servers, pipeline, stale, stages, params.compute.stages_at_once)
    outcome_of = {outcome.stage: outcome for outcome in updated}
    outcomes = [outcome_of.get(stage, StageOutcome(stage, "unchanged", 0.0)) for stage in pipeline.stages]
    times = RunTimes(total=time.monotonic() - start, servers=servers.waited_seconds)
    print_summary(console, repository.workspace, outcomes, times, before=before)
    if left_out := [stage for stage in reached if stage not in chosen]:
        print_line(console, f"left as they are, though they are or may be stale: {', '.join(left_out)}")
    return exit_code(repository.workspace)


def print_plan(
    repository: Repository,
    console: Console,
    params: Params,
    *,
    first: str | None = None,
    last: str | None = None,
    as_json: bool = False,
) -> ExitCode:
    """Print what `reproduce` would run by these params, why, and what it took the last time; change nothing.

    Raises:
        InputError: there is no such stage.
        PipelineError: DVC could not find out what is stale.
    """
    pipeline = read_pipeline(repository.root / "dvc.yaml")
    plan = _plan(repository, pipeline, params, chosen_stages(pipeline, first=first, last=last))
    if as_json:
        print_json([asdict(part) for part in plan])
    elif not plan:
        print_line(console, "nothing to do: every stage is up to date")
    else:
        console.print(plan_table(plan))
        known = [part.last_seconds for part in plan if part.last_seconds is not None]
        print_line(console, f"{len(plan)} stages; {len(known)} of them took {sum(known):.0f} s the last time")
    return ExitCode.DONE


def _plan(repository: Repository, pipeline: Pipeline, params: Params, chosen: Collection[str]) -> list[PlannedStage]:
    status = dvc_status(repository)
    recorded = recorded_params(repository.root / "dvc.lock")
    plan = planned_stages(pipeline, status, params.model_dump(mode="json"), recorded, repository.workspace)
    return [part for part in plan if part.stage in chosen]


def reproduce_stage(repository: Repository, stage: str, console: Console, *, force: bool = False) -> ExitCode:
    """Let DVC update this stage, without those before it; a stage that needs Ray starts its own.

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
