"""Data of a DVC remote, a folder or S3: pushed, pulled into a clone, changed, and an earlier version checked out."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.runtime.pipeline import dvc_status
from flows.runtime.repository import Repository
from tests.object_store import empty_bucket, object_store

ROOT = Path(__file__).parents[2]
Remote = Callable[[Repository], None]
"""Makes the remote known to a checkout."""


def dvc(repository: Repository, *arguments: str) -> str:
    environment = repository.environment() | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dvc", *arguments]
    ran = subprocess.run(command, cwd=repository.root, env=environment, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def run_again(repository: Repository) -> set[str]:
    """Update everything; gives the stages that DVC really ran."""
    for mark in repository.root.glob("at_*"):
        mark.unlink()
    dvc(repository, "repro")
    return {mark.name.removeprefix("at_") for mark in repository.root.glob("at_*")}


@pytest.fixture(params=["folder", "s3"])
def remote(request, tmp_path, monkeypatch) -> Iterator[Remote]:
    if request.param == "folder":
        yield lambda checkout: dvc(checkout, "remote", "add", "--default", "--force", "store", str(tmp_path / "remote"))
        return
    with object_store() as url:
        empty_bucket(url, monkeypatch)
        monkeypatch.delenv("AWS_ENDPOINT_URL")

        def add(checkout: Repository) -> None:
            dvc(checkout, "remote", "add", "--default", "--force", "store", "s3://lab/corrtrack")
            dvc(checkout, "remote", "modify", "store", "endpointurl", url)

        yield add


@pytest.mark.end_to_end
def test_versions_of_the_data_travel_by_a_remote_and_make_stale_what_reads_them(checkout, tmp_path, remote):
    remote(checkout)
    (checkout.root / ".gitignore").write_text("/data/\n/artifacts/\n/.corrtrack/\n/at_*\n")
    (checkout.root / "data/unread").write_text("A note\n")
    dvc(checkout, "add", "data")
    dvc(checkout, "repro")
    git(checkout.root, "add", "--all")
    git(checkout.root, "commit", "--message", "First data")
    dvc(checkout, "push")

    git(tmp_path, "clone", str(checkout.root), "clone")
    clone = Repository(tmp_path / "clone")
    dvc(clone, "pull")
    assert (clone.root / "data/text").read_text() == "Hello\n"
    assert (clone.root / "artifacts/track").read_text() == "hello\n"
    assert dvc_status(clone) == {}

    (clone.root / "data/unread").write_text("Another note\n")
    dvc(clone, "commit", "--force", "data.dvc")
    assert run_again(clone) == {"index"}, "its results are the same, so nothing that follows is run"

    (clone.root / "data/text").write_text("Corrected\n")
    changed = dvc_status(clone)
    assert set(changed) == {"data.dvc", "index"}
    assert changed["index"] == [{"changed deps": {"data": "modified"}}]
    dvc(clone, "commit", "--force", "data.dvc")
    assert run_again(clone) == {"index", "pretrain", "recover", "track"}
    assert (clone.root / "artifacts/track").read_text() == "corrected\n"
    git(clone.root, "commit", "--all", "--message", "Corrected data")
    dvc(clone, "push")

    git(checkout.root, "pull", str(clone.root), "HEAD")
    dvc(checkout, "pull")
    assert (checkout.root / "artifacts/track").read_text() == "corrected\n"
    assert run_again(checkout) == set(), "results came with the data"
    git(checkout.root, "checkout", "HEAD~1", "--", "data.dvc", "dvc.lock")
    dvc(checkout, "checkout")
    assert (checkout.root / "artifacts/track").read_text() == "hello\n"
    assert (checkout.root / "data/text").read_text() == "Hello\n"
