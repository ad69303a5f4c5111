"""The real stages by the real Prefect and DVC on a small corpus: killed in the middle, and taken up."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tasks.params.edit import set_value
from tasks.tables import TABLES
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[2]
HOLD = """
import signal, sys
from pathlib import Path

def hold(event, arguments):
    if event == "os.rename" and Path(arguments[1]).name == "final.safetensors":
        Path(__file__).with_name(f"holds_{sys.orig_argv[-1]}").touch()
        while True:
            signal.pause()

if sys.orig_argv[-3:-1] == ["-m", "tasks"]:
    sys.addaudithook(hold)
"""
"""As sitecustomize.py it lets every training wait for ever with its final weights written and not yet in place."""
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


@pytest.fixture
def holding(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH; in it appears holds_STAGE for each training that waits."""
    folder = tmp_path / "holding"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOLD)
    return folder


def start(clone: Path, log: Path, **changes: str) -> subprocess.Popen:
    """`corrtrack reproduce` in the clone, by the clone's own code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | changes
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "flows", "reproduce"],
            cwd=clone,
            env=environment | {"COLUMNS": "200"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def kill_with_all_it_started(process: subprocess.Popen) -> None:
    """Stop them all first: one that was started between the look and the kill would stay."""
    stopped = [psutil.Process(process.pid)]
    stopped[0].suspend()
    while fresh := [member for member in stopped[0].children(recursive=True) if member not in stopped]:
        for member in fresh:
            with suppress(psutil.NoSuchProcess):
                member.suspend()
        stopped += fresh
    for member in stopped:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(stopped)
    process.wait()


def test_a_demo_that_is_killed_with_two_trainings_at_work_completes_when_it_is_called_again(clone, holding, tmp_path):
    workspace, log = Workspace.of_repository(clone), tmp_path / "first.log"
    first = start(clone, log, PYTHONPATH=str(holding))
    while {path.name for path in holding.glob("holds_*")} != {"holds_pretrain", "holds_train_siamese"}:
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
    absent = {name for name, table in TABLES.items() if not list(workspace.tables.glob(f"{name}/*.parquet"))}
    assert absent == {name for name, table in TABLES.items() if not table.per_video} | {"network_poses"}
    assert (workspace.reports / "metrics.json").is_file()
    assert str(workspace.reports / "index.html") in text
    assert (workspace.reports / "index.html").is_file()
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert "up to date" in status.stdout
