"""The Prefect flow: one task per stage, in order or side by side."""

from collections.abc import Callable, Collection, Mapping
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from flows.runtime.outcomes import StageOutcome
from flows.runtime.processes import undisturbed

if TYPE_CHECKING:
    from prefect import Task

Bring = Callable[[], StageOutcome]


def run_in_order(name: str, stages: Mapping[str, Bring]) -> list[StageOutcome]:
    """Run the flow `name`, which brings the stages up to date one after the other in this thread.

    The first stage that fails ends the flow; its error is raised. Nothing is cached here: the shard store alone
    decides what must be done again.
    """
    from prefect import flow

    outcomes: list[StageOutcome] = []

    @flow(name=name, validate_parameters=False, persist_result=False)
    def in_order(names: list[str]) -> None:
        try:
            for stage in names:
                outcomes.append(_as_task(stage, stages[stage])())
        finally:
            _publish(name, outcomes)

    in_order(list(stages))
    return outcomes


def run_side_by_side(
    name: str,
    stages: Mapping[str, Bring],
    *,
    after: Mapping[str, Collection[str]],
    at_once: int,
    stop: Callable[[], object],
) -> list[StageOutcome]:
    """Run the flow `name`, which starts a stage, in a thread, as soon as those it reads from are up to date.

    The first stage that fails ends the flow, and so does Ctrl-C: `stop` is called, those that still work are waited
    for, and the error is raised. Nothing is cached here: DVC and the shard store decide what must be done again.

    Args:
        name: Name of the flow.
        stages: What brings each stage up to date; of those that may start, the first of these does.
        after: The stages that each one reads from.
        at_once: How many may work at the same time, 1 or more.
        stop: Makes the stages that work end soon, with an error.
    """
    from prefect import flow
    from prefect.futures import PrefectFuture, as_completed, wait
    from prefect.task_runners import ThreadPoolTaskRunner

    # Prefect's own `wait_for` would keep a thread of the pool for every stage that cannot start yet.
    order = TopologicalSorter({stage: after[stage] for stage in stages})
    order.prepare()
    outcomes: list[StageOutcome] = []
    threads: Any = ThreadPoolTaskRunner(max_workers=at_once)  # flow() is typed for runners of every kind at once

    @flow(name=name, task_runner=threads, validate_parameters=False, persist_result=False)
    def side_by_side(names: list[str]) -> None:
        running: dict[PrefectFuture[StageOutcome], str] = {}
        ready: list[str] = []
        try:
            while order.is_active():
                ready = sorted([*ready, *order.get_ready()], key=names.index)
                while ready and len(running) < at_once:
                    stage = ready.pop(0)
                    running[_as_task(stage, stages[stage]).submit()] = stage
                ended = next(as_completed(list(running)))
                outcomes.append(ended.result())
                order.done(running.pop(ended))
        except BaseException:
            with undisturbed():
                stop()
                wait(list(running))
            raise
        finally:
            _publish(name, outcomes)

    side_by_side(list(stages))
    return outcomes


def _as_task(stage: str, bring: Bring) -> "Task[[], StageOutcome]":
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    def run() -> StageOutcome:
        return bring()

    run.__name__ = run.__qualname__ = stage
    return task(name=stage, cache_policy=NO_CACHE, persist_result=False)(run)


def _publish(flow_name: str, outcomes: list[StageOutcome]) -> None:
    """Leave the stages and their seconds as a Prefect artifact of the run."""
    from prefect.artifacts import create_table_artifact

    rows = [{"stage": done.stage, "result": done.state, "seconds": f"{done.seconds:.1f}"} for done in outcomes]
    create_table_artifact(table=rows, key=f"{flow_name}-stages", description="Stages of the run and their seconds")
