"""`corrtrack trend`: one training, then every trend of the paper judged on corpora of fresh seeds."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from flows.runtime.exclusive_run import exclusive_run
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.prefect_flow import flow, side_by_side
from flows.runtime.printing import print_line
from flows.runtime.process_runner import ProcessRunner, update_by_program
from flows.runtime.repository import Repository
from flows.runtime.run_servers import RunServers
from tasks.params.loading import parse_params
from tasks.params.profiles import whole_text
from tasks.trend.home import lay_out, step_names


@flow("trend")
def judge_trends(
    runner: ProcessRunner, steps: Mapping[str, Sequence[str]], home: Path, at_once: int
) -> Iterator[StageOutcome]:
    """Run each step, in a program of its own, as soon as those it reads from are done; done ones end at once."""
    reports = runner.repository.workspace.reports
    program = [sys.executable, "-m", "tasks.trend"]
    return side_by_side(
        {
            step: partial(update_by_program, runner, step, [*program, step, str(home), "--reports", str(reports)])
            for step in steps
        },
        after=steps,
        at_once=at_once,
        stop=runner.stopping.set,
    )


def trend(
    repository: Repository, params_file: Path, console: Console, *, corpora: int, trainings: int, resamples: int
) -> ExitCode:
    """Run the steps that are not done yet, and print the table of trends.

    Everything lies in `.corrtrack/trend`, so that a run that was stopped continues; the results go to reports/.

    Raises:
        InputError: the params do not fit, or another such run is going on.
        StageFailedError: a step ended with an error.
        StoppedError: SIGINT or SIGTERM came.
    """
    text = whole_text(params_file, repository.profiles)
    params = parse_params(text, name=params_file.name)
    root = repository.state / "trend"
    separate = replace(repository, own_state=root / ".corrtrack")
    with exclusive_run(separate, console, command="corrtrack trend") as runner:
        home = lay_out(root, text, params, corpora=corpora, trainings=trainings, resamples=resamples)
        steps = step_names(home)
        runner.view.stages = list(steps)
        with RunServers(runner, home.params("training")) as servers:
            servers.start_prefect()
            servers.connect_prefect()
            judge_trends(runner, steps, root, params.compute.stages_at_once)
    reports = repository.workspace.reports
    print_line(console, (reports / "trend.md").read_text(encoding="utf-8"))
    print_line(console, f"results: {reports / 'trend.json'}")
    return ExitCode.DONE
