"""The Prefect flow: one task per stage, in order."""

from collections.abc import Callable, Mapping

from flows.outcomes import StageOutcome

Bring = Callable[[], StageOutcome]


def run_stage_flow(name: str, stages: Mapping[str, Bring]) -> list[StageOutcome]:
    """Run the flow `name`, which brings the stages up to date one after the other, and publish what that took.

    The first stage that fails ends the flow; its error is raised. Nothing is cached here: DVC and the shard store
    alone decide what must be done again.
    """
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    outcomes: list[StageOutcome] = []

    @flow(name=name, validate_parameters=False, persist_result=False)
    def in_order(names: list[str]) -> None:
        try:
            for stage in names:
                as_task = task(name=stage, cache_policy=NO_CACHE, persist_result=False)
                outcomes.append(as_task(_named(stages[stage], stage))())
        finally:
            _publish(name, outcomes)

    in_order(list(stages))
    return outcomes


def _named(bring: Bring, stage: str) -> Bring:
    def run() -> StageOutcome:
        return bring()

    run.__name__ = run.__qualname__ = stage
    return run


def _publish(flow_name: str, outcomes: list[StageOutcome]) -> None:
    """Leave the stages and their seconds as a Prefect artifact of the run."""
    from prefect.artifacts import create_table_artifact

    rows = [{"stage": done.stage, "result": done.state, "seconds": f"{done.seconds:.1f}"} for done in outcomes]
    create_table_artifact(table=rows, key=f"{flow_name}-stages", description="Stages of the run and their seconds")
