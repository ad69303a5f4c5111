"""The checkout that the points of a grid run in: a clone of the user's, with the same cache and store of shards."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.runtime import dvc_program
from flows.runtime.outcomes import StageOutcome
from flows.runtime.pipeline import PipelineError, remove_broken_rwlock
from flows.runtime.process_runner import ProcessRunner, state_of_dvc, update_by_program
from flows.runtime.processes import RunFile, end_leftovers
from flows.runtime.repository import Repository
from flows.sweeping.experiments import Experiments
from flows.sweeping.points import Point
from flows.sweeping.table_points import NAME, read_rejected, write_order
from tasks.params.edit import set_value, write_params


def prepare_checkout(repository: Repository, baseline: str, stages: Sequence[str]) -> Repository:
    """Make or renew `.corrtrack/sweep/checkout`: the files of the commit, and the results of its stages from the cache.

    Processes that a killed sweep left running there are ended first.

    Args:
        repository: the user's checkout; nothing in it is changed, and it can be worked in meanwhile.
        baseline: the commit.
        stages: those whose results are laid out.

    Raises:
        PipelineError: git or DVC failed.
    """
    clone = Repository(sweep_state(repository) / "checkout")
    end_leftovers(RunFile(clone.state / "run.json"))  # of a killed sweep: its DVC holds the locks of the clone
    remove_broken_rwlock(clone.root)
    if not (clone.root / ".git").is_dir():
        shutil.rmtree(clone.root, ignore_errors=True)
        _run(repository, "git", "clone", "--quiet", "--shared", "--no-checkout", str(repository.root), str(clone.root))
    _run(clone, "git", "checkout", "--quiet", "--force", "--detach", baseline)
    _share_cache(repository, clone)
    store = clone.state / "store"
    if not store.is_symlink():
        (repository.state / "store").mkdir(parents=True, exist_ok=True)
        store.parent.mkdir(parents=True, exist_ok=True)
        store.symlink_to(repository.state / "store", target_is_directory=True)
    # What the cache lacks is computed again, so that a failure here is none.
    _dvc(clone, "checkout", "--quiet", "--force", "data.dvc", *stages, check=False)
    return clone


def sweep_state(repository: Repository) -> Path:
    """Working state of sweeps of a checkout: its lock, and the clone."""
    return repository.state / "sweep"


def update_point(
    runner: ProcessRunner, point: Point, stages: Sequence[str], *, on_ray: bool, environment: Mapping[str, str]
) -> StageOutcome:
    """Let DVC bring the last of `stages`, and what it reads from, up to date with the params of `point`.

    Where no network runs over videos, Ray would take longer to start than it saves; `compute.executor` changes no
    result, and afterwards params.yaml is exactly that of the point.

    Raises:
        StageFailedError: a stage ended with an error.
        StoppedError: the sweep was asked to stop.
    """
    params = runner.repository.params
    write_params(params, point.text if on_ray else set_value(point.text, "compute.executor", "local"))
    command = [*dvc_program.COMMAND, "repro", stages[-1]]
    outcome = update_by_program(runner, point.name, command, environment, state_of=state_of_dvc, stages=stages)
    write_params(params, point.text)
    return outcome


def update_over_tables(runner: ProcessRunner, experiments: Experiments, points: Sequence[Point]) -> dict[str, str]:
    """Make points whose stages are those of `TABLE_STAGES` experiments, in one program.

    Gives why points were rejected, by name.

    Raises:
        StageFailedError: a stage of a point ended with an error that is not of its input.
        StoppedError: the sweep was asked to stop; the experiments that are finished stay.
    """
    order = runner.repository.state / "points.json"
    write_order(order, experiments, points)
    update_by_program(runner, NAME, [sys.executable, "-m", "flows.sweeping.table_points", str(order)])
    return read_rejected(order)


def _share_cache(repository: Repository, clone: Repository) -> None:
    """Give the clone the user's own settings of DVC, and the same cache."""
    settings = repository.root / ".dvc" / "config.local"
    if settings.is_file():
        shutil.copyfile(settings, clone.root / ".dvc" / "config.local")
    folder = _dvc(repository, "cache", "dir").strip().splitlines()[-1]
    _dvc(clone, "cache", "dir", "--quiet", "--local", folder)


def _dvc(repository: Repository, *arguments: str, check: bool = True) -> str:
    return _run(repository, sys.executable, "-m", "dvc", *arguments, check=check)


def _run(repository: Repository, *command: str, check: bool = True) -> str:
    ran = subprocess.run(
        command,
        cwd=repository.root if repository.root.is_dir() else None,
        env=repository.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and ran.returncode != 0:
        raise PipelineError(f"{' '.join(command[:3])}: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.stdout
