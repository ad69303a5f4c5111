"""Data of a DVC remote in a folder: pushed, pulled into a clone, changed, and an earlier version checked out."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.runtime.pipeline import dvc_status
from flows.runtime.repository import Repository

ROOT = Path(__file__).parents[2]


def dvc(repository: Repository, *arguments: str) -> None:
    environment = repository.environment() | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=repository.root, env=environment, check=True, capture_output=True)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.mark.end_to_end
def test_versions_of_the_data_travel_by_a_remote_and_make_stale_what_reads_them(checkout, tmp_path):
    dvc(checkout, "remote", "add", "--default", "--force", "store", str(tmp_path / "remote"))
    dvc(checkout, "add", "data")
    dvc(checkout, "repro", "track")
    git(checkout.root, "add", "--all")
    git(checkout.root, "commit", "--message", "First data")
    dvc(checkout, "push")

    git(tmp_path, "clone", str(checkout.root), "clone")
    clone = Repository(tmp_path / "clone")
    dvc(clone, "pull", "data", "track", "index", "recover")
    assert (clone.root / "data/text").read_text() == "Hello\n"
    assert set(dvc_status(clone)) == {"pretrain"}, "which has never run"

    (clone.root / "data/text").write_text("Corrected\n")
    changed = dvc_status(clone)
    assert set(changed) == {"data.dvc", "index", "pretrain"}
    assert changed["index"] == [{"changed deps": {"data": "modified"}}]
    dvc(clone, "commit", "--force", "data.dvc")
    dvc(clone, "repro", "track")
    assert (clone.root / "artifacts/track").read_text() == "corrected\n"

    git(clone.root, "checkout", "--", "data.dvc", "dvc.lock")
    dvc(clone, "checkout", "data", "track")
    assert (clone.root / "artifacts/track").read_text() == "hello\n"
    assert (clone.root / "data/text").read_text() == "Hello\n"
