"""Prefect as the history of a run: `flow` and `update`, and the order in which stages may start.

Prefect reads its environment when it is imported, so it is imported when a flow is called: by then the address of the
run's own server stands there.
"""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from flows.runtime.outcomes import StageOutcome
from flows.runtime.process_runner import ProcessRunner
from flows.runtime.run_artifacts import publish
from flows.runtime.signals import handled_as, handlers_now, undisturbed
from tasks.lasting_imports import lasting_imports

if TYPE_CHECKING:
    from prefect import Task

Update = Callable[[], StageOutcome]
"""Brings one stage up to date."""
P = ParamSpec("P")
Body = Callable[Concatenate[ProcessRunner, P], Iterator[StageOutcome]]
_GAP = "the Prefect server ended before the run: its history of this run has a gap, the results are complete"


def flow(name: str) -> Callable[[Body[P]], Callable[Concatenate[ProcessRunner, P], list[StageOutcome]]]:
    """Make a function that yields the outcome of each stage a Prefect flow, which returns them all.

    The error of the first stage that fails is raised. Nothing is cached here: DVC and the shard store decide what must
    be done again. The outcomes are kept as an artifact of the flow run, also when it fails. A server that ends in the
    middle costs the history only; one sentence reports that.
    """

    def decorate(body: Body[P]) -> Callable[Concatenate[ProcessRunner, P], list[StageOutcome]]:
        @functools.wraps(body)
        def run(runner: ProcessRunner, /, *args: P.args, **kwargs: P.kwargs) -> list[StageOutcome]:
            return _with_history(name, runner, functools.partial(body, runner, *args, **kwargs))

        return run

    return decorate


def update(stage: str, work: Update) -> "Task[[], StageOutcome]":
    """The Prefect task of `stage`: called in its turn, or submitted to a thread."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    def run() -> StageOutcome:
        return work()

    run.__name__ = run.__qualname__ = stage
    return task(name=stage, cache_policy=NO_CACHE, persist_result=False)(run)


def side_by_side(
    stages: Mapping[str, Update],
    *,
    after: Mapping[str, Collection[str]],
    at_once: int,
    stop: Callable[[], object],
) -> Iterator[StageOutcome]:
    """Start each stage, in a thread, as soon as those it reads from are up to date; give outcomes as they end.

    After an error or Ctrl-C, `stop` is called and the stages that still work are waited for.

    Args:
        stages: What brings each stage up to date; of those that may start, the first of these does.
        after: The stages that each one reads from.
        at_once: How many may work at the same time, 1 or more.
        stop: Makes the stages that work end soon, with an error.
    """
    from prefect.futures import PrefectFuture, as_completed, wait

    # Prefect's own `wait_for` would keep a thread of the pool for every stage that cannot start yet.
    order = TopologicalSorter({stage: after[stage] for stage in stages})
    order.prepare()
    names, ready = list(stages), list[str]()
    running: dict[PrefectFuture[StageOutcome], str] = {}
    try:
        while order.is_active():
            ready = sorted([*ready, *order.get_ready()], key=names.index)
            while ready and len(running) < at_once:
                stage = ready.pop(0)
                running[update(stage, stages[stage]).submit()] = stage
            ended = next(as_completed(list(running)))
            yield ended.result()
            order.done(running.pop(ended))
    except BaseException:
        with undisturbed():
            stop()
            wait(list(running))
        raise


def _with_history(name: str, runner: ProcessRunner, body: Callable[[], Iterator[StageOutcome]]) -> list[StageOutcome]:
    with lasting_imports():
        from prefect import flow as prefect_flow

    outcomes: list[StageOutcome] = []
    errors: list[BaseException | None] = []
    """What the body ended with; empty until then."""

    handlers = handlers_now()

    folder = runner.repository.state.parent.name.replace("{", "{{").replace("}", "}}")  # Prefect takes it as a format
    title = f"{name} of {folder} {datetime.now():%Y-%m-%d %H:%M:%S}"

    @prefect_flow(name=name, flow_run_name=title, validate_parameters=False, persist_result=False)
    def recorded() -> None:
        try:
            with handled_as(handlers), closing(body()) as ended:  # type: ignore[type-var]  # every body is a generator
                for outcome in ended:
                    outcomes.append(outcome)
        except BaseException as error:
            errors.append(error)
            raise
        else:
            errors.append(None)
        finally:
            with suppress(Exception):  # only the history misses it
                publish(name, outcomes, runner.repository.state)

    try:
        recorded()
    except Exception:
        if not errors and runner.restart_history():  # the server ended before the flow began
            return _with_history(name, runner, body)
        if not errors:
            raise
        if errors[0] is not None:
            raise errors[0] from None
        runner.view.report(_GAP)
    return outcomes
