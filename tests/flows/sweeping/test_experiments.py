"""Experiments as commits: what git and DVC find afterwards, and the checkouts that cannot have any."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner
from zc.lockfile import LockFile

from flows.cli import app
from flows.runtime.exclusive_run import run_lock
from flows.runtime.processes import RunFile
from flows.runtime.repository import Repository
from flows.sweep import Sweep, SweepRequest
from flows.sweeping.checkout import prepare_checkout, sweep_state
from flows.sweeping.experiments import Experiments
from flows.sweeping.points import points_of_grid
from tasks.errors import InputError

ROOT = Path(__file__).parents[3]
PIPELINE = """
stages:
  track: {cmd: "false", params: [run, track], outs: [artifacts/track]}
  score: {cmd: "false", deps: [artifacts/track], params: [score], metrics: [reports/metrics.json: {cache: false}]}
"""


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    ran = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Repository:
    """A checkout with a commit that looks like a finished run; it is the current folder."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
    shutil.copy(ROOT / "params.yaml", root)
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / ".gitignore").write_text("/.corrtrack/\n/artifacts/\n")
    (root / "reports").mkdir()
    (root / "reports/metrics.json").write_text('{"MOTA": 50}')
    (root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    (root / "data.dvc").write_text("outs:\n- {md5: 0123456789abcdef0123456789abcdef.dir, hash: md5, path: data}\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    monkeypatch.chdir(root)
    return Repository(root)


def points(repository: Repository, *settings: str):
    rows = points_of_grid(repository.params.read_text(), settings, sections={"track", "score"})
    return [row[0] for row in rows]


def test_an_experiment_is_a_commit_that_dvc_lists_and_the_checkout_stays_as_it_is(repository, tmp_path):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--shared", str(repository.root), str(clone))
    present, point = points(repository, "track.tau_corr=0.25")
    head, status = git(repository.root, "rev-parse", "HEAD"), git(repository.root, "status", "--porcelain")
    experiments = Experiments.of_checkout(repository)
    assert experiments.find(point) is None
    assert experiments.save(present.name, clone) == head, "which needs no experiment: nothing differs"

    (clone / "params.yaml").write_text(point.text)
    (clone / "reports/metrics.json").write_text('{"MOTA": 60}')
    ref = experiments.save(point.name, clone)

    assert experiments.find(point) == ref
    assert (git(repository.root, "rev-parse", "HEAD"), git(repository.root, "status", "--porcelain")) == (head, status)
    assert git(repository.root, "diff", "--name-only", "HEAD", ref).splitlines() == [
        "params.yaml",
        "reports/metrics.json",
    ]
    command = [sys.executable, "-m", "dvc", "params", "diff", "--json", "HEAD", point.name]
    shown = subprocess.run(
        command, cwd=repository.root, env=repository.environment(), capture_output=True, check=True
    ).stdout
    old = present.params.track.tau_corr
    assert json.loads(shown) == {
        "params.yaml": {"track.tau_corr": {"old": old, "new": 0.25, "diff": pytest.approx(0.25 - old)}}
    }


def test_an_experiment_of_the_same_name_with_other_params_is_kept(repository):
    point = points(repository, "track.tau_corr=0.25")[1]
    experiments = Experiments.of_checkout(repository)
    (repository.root / "params.yaml").write_text(point.text.replace("tau_corr: 0.25", "tau_corr: 0.26"))
    experiments.save(point.name, repository.root)
    with pytest.raises(InputError, match=r"got other params; remove it with `dvc exp remove track.tau_corr=0.25`"):
        experiments.find(point)


def test_a_checkout_with_changes_is_refused(repository):
    (repository.root / "params.yaml").write_text("changed")
    with pytest.raises(InputError, match=r"expected no changes since the last commit.* got changes of params.yaml;"):
        Experiments.of_checkout(repository)


def test_a_commit_without_a_finished_run_is_refused(repository):
    git(repository.root, "rm", "--quiet", "dvc.lock")
    git(repository.root, "commit", "--quiet", "--message", "No run")
    with pytest.raises(InputError, match=r"expected dvc.lock of a finished run in the last commit, got none"):
        Experiments.of_checkout(repository)


def test_what_is_no_git_repository_is_refused(repository):
    shutil.rmtree(repository.root / ".git")
    with pytest.raises(InputError, match="expected the top folder of a git repository with a commit"):
        Experiments.of_checkout(repository)


def test_a_second_sweep_waits_for_none(repository):
    with (
        run_lock(sweep_state(repository) / "run.lock", command="corrtrack sweep"),
        pytest.raises(InputError, match=r"expected no other run of this workspace, found corrtrack sweep \(pid"),
    ):
        Sweep(repository, SweepRequest(("track.tau_corr=0.1",))).run(None)


def test_a_plan_does_not_wait_for_dvc(repository):
    (repository.root / ".dvc/tmp").mkdir()
    lock = LockFile(str(repository.root / ".dvc/tmp/lock"))
    refused = CliRunner().invoke(app, ["sweep", "--set", "track.tau_corr=0.1", "--dry-run"])
    lock.close()
    assert isinstance(refused.exception, InputError)
    assert "expected no other DVC command at work here" in str(refused.exception)


def test_a_pipeline_without_scores_is_refused(repository):
    (repository.root / "dvc.yaml").write_text("stages: {track: {cmd: 'true', params: [track]}}")
    with pytest.raises(InputError, match="stage score: expected one of track"):
        Sweep(repository, SweepRequest(("track.tau_corr=0.1",)))


def test_what_a_killed_sweep_left_running_is_ended_before_the_clone_is_used(repository):
    left = subprocess.Popen(["sleep", "600"])
    RunFile(sweep_state(repository) / "checkout" / ".corrtrack" / "run.json").add("point", left.pid)
    prepare_checkout(repository, git(repository.root, "rev-parse", "HEAD"), [])
    assert left.poll() is not None
