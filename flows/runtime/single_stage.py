"""`corrtrack stage NAME`: that one stage through DVC, with progress and the server that it needs."""

from rich.console import Console

from flows.reproduce import tell_leftovers
from flows.runtime.outcomes import ExitCode
from flows.runtime.pipeline import read_pipeline
from flows.runtime.processes import RunFile, stopping_on_sigterm
from flows.runtime.progress_view import progress_view
from flows.runtime.repository import Repository
from flows.runtime.run_lock import run_lock
from flows.runtime.stage_runs import Watcher, run_stage
from flows.runtime.summary import exit_code
from tasks.errors import InputError


def run_single_stage(repository: Repository, stage: str, console: Console, *, force: bool = False) -> ExitCode:
    """Let DVC bring `stage` up to date, whatever stands before it; a stage that needs Ray starts its own.

    Raises:
        InputError: no such stage, or another run is going on.
        StageFailedError: the stage ended with an error.
    """
    stages = read_pipeline(repository.root / "dvc.yaml").stages
    if stage not in stages:
        raise InputError(f"stage {stage}: expected one of {', '.join(stages)}")
    with stopping_on_sigterm(), run_lock(repository.state / "run.lock", command=f"corrtrack stage {stage}"):
        run_file = RunFile(repository.state / "run.json")
        with progress_view(console, [stage]) as view:
            tell_leftovers(run_file, view)
            run_stage(Watcher(repository, run_file, view), stage, force=force)
    return exit_code(repository.workspace)
