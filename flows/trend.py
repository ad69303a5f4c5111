"""`corrtrack trend`: one training, then every trend of the paper judged on corpora of fresh seeds."""

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from flows.reproduce import tell_leftovers
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.processes import RunFile, StoppedError, stopping_on_sigterm
from flows.runtime.progress_view import progress_view
from flows.runtime.repository import Repository
from flows.runtime.run_lock import run_lock
from flows.runtime.run_servers import RunServers
from flows.runtime.stage_flow import run_side_by_side
from flows.runtime.stage_runs import Watcher, failure
from tasks.params.loading import parse_params
from tasks.params.profiles import whole_text
from tasks.trend.home import lay_out, step_names


def trend(repository: Repository, params_file: Path, console: Console, *, corpora: int, resamples: int) -> ExitCode:
    """Run the steps that are not done yet, two at a time where neither reads from the other, and print the table.

    Everything lies in `.corrtrack/trend`, so that a run that was broken off goes on; the results go to reports/.

    Raises:
        InputError: the params do not fit, or another such run is going on.
        StageFailedError: a step ended with an error.
    """
    text = whole_text(params_file, repository.profiles)
    params = parse_params(text, name=params_file.name)
    root = repository.state / "trend"
    place = replace(repository, own_state=root / ".corrtrack")
    with stopping_on_sigterm(), run_lock(place.state / "run.lock", command="corrtrack trend"):
        home = lay_out(root, text, params, corpora=corpora, resamples=resamples)
        steps, run_file = step_names(home), RunFile(place.state / "run.json")
        with progress_view(console, list(steps)) as view:
            tell_leftovers(run_file, view)
            with RunServers(place, run_file, home.params("training")) as servers:
                servers.start_for(list(steps))
                view.say(f"Prefect shows this run at {servers.connect_prefect()}")
                watcher = Watcher(place, run_file, view)
                run_side_by_side(
                    "trend",
                    {step: partial(_bring, watcher, step, root) for step in steps},
                    after=steps,
                    at_once=params.compute.stages_at_once,
                    stop=watcher.stopping.set,
                )
    reports = repository.workspace.reports
    console.print((reports / "trend.md").read_text(encoding="utf-8"), markup=False, highlight=False, soft_wrap=True)
    console.print(f"results: {reports / 'trend.json'}", markup=False, highlight=False, soft_wrap=True)
    return ExitCode.DONE


def _bring(watcher: Watcher, step: str, home: Path) -> StageOutcome:
    watcher.view.begin(step)
    start = time.monotonic()
    reports = watcher.repository.workspace.reports
    command = [sys.executable, "-m", "tasks.trend", step, str(home), "--reports", str(reports)]
    try:
        code, output = watcher.run(step, command)
    except StoppedError:
        watcher.view.clear(step)
        raise
    if code != 0:
        raise failure(step, output)
    outcome = StageOutcome(step, "ran", time.monotonic() - start)
    watcher.view.end(outcome)
    return outcome
