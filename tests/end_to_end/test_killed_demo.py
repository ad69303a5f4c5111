"""The real stages by the real Prefect and DVC on a small corpus: killed in the middle, and taken up."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.params.edit import set_value
from tasks.progress import progress_file, read_events
from tasks.tables import TABLES
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[2]
COPIED = (".dvc", ".dvcignore", ".gitignore", "dvc.yaml", "requirements.lock", "flows", "models", "tasks")

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1800)]


@pytest.fixture
def clone(checkout: Path) -> Path:
    """A checkout with the code of this one and small params, without data and results."""
    for name in COPIED:
        source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__", "tmp", "cache")
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=ignored)
        else:
            shutil.copy(source, checkout / name)
    params = checkout / "params.yaml"
    params.write_text(set_value(params.read_text(), "ablate.tables", "[3]"))  # one table is enough here
    subprocess.run(["git", "init", "--quiet"], cwd=checkout, check=True)
    return checkout


def start(clone: Path, log: Path) -> subprocess.Popen:
    """`corrtrack reproduce` in the clone, by the clone's own code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "flows", "reproduce"],
            cwd=clone,
            env=environment | {"COLUMNS": "200"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def works(state: Path, stage: str) -> bool:
    """Whether the stage counts what it does."""
    return any(event["kind"] == "start" for event in read_events(progress_file(state, stage))[0])


def kill_with_all_it_started(process: subprocess.Popen) -> None:
    members = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in members:
        member.kill()
    psutil.wait_procs(members)
    process.wait()


def test_a_demo_that_is_killed_between_its_trainings_completes_when_it_is_called_again(clone, tmp_path):
    workspace, log = Workspace.of_repository(clone), tmp_path / "first.log"
    first = start(clone, log)
    while not (works(workspace.state, "pretrain") and works(workspace.state, "train_siamese")):
        assert first.poll() is None, log.read_text()
        time.sleep(0.05)
    kill_with_all_it_started(first)
    assert (workspace.tables / "persons.parquet").is_file()
    assert not workspace.weights("pose_pretrained").exists()

    again = start(clone, tmp_path / "again.log")
    try:
        code, text = again.wait(), (tmp_path / "again.log").read_text()
    finally:
        again.terminate()
        again.wait()
    assert code == 0, text
    assert "index: starting" not in text, "it was done before"
    assert "pretrain: starting" in text
    assert {name for name, table in TABLES.items() if not list(workspace.tables.glob(f"{name}/*.parquet"))} == {
        name for name, table in TABLES.items() if not table.per_video
    }
    assert (workspace.reports / "metrics.json").is_file()
    assert str(workspace.reports / "index.html") in text
    assert (workspace.reports / "index.html").is_file()
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert "up to date" in status.stdout
