"""A disk that fills up again and again, and a corpus that may only be read: the results are those of a large disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tasks.inference.conftest import REPOSITORY, STAGES, WRITTEN

APART = ["unshare", "--mount", "--map-root-user"]


@pytest.fixture
def apart():
    """The begin of a command that may mount what nobody else sees."""
    tried = subprocess.run([*APART, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("this user may make no mounts")
    return APART


def tables(folder: Path) -> dict[str, bytes]:
    paths = [path for stage in STAGES for name in WRITTEN[stage] for path in (folder / name).glob("*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_disk_that_fills_up_costs_no_byte_and_the_corpus_is_only_read(apart, corpus, params, change):
    corpus.video("a", 8)
    corpus.write()
    corpus.two_walkers("a", 8, missed=[(1, 0), (4, 1)])
    chosen = change(params, compute={"checkpoint_frames": 3})
    root = corpus.workspace.data.parent
    case = {"root": str(root), "params": chosen.model_dump(mode="json"), "stages": STAGES}
    before = {path: path.read_bytes() for path in (root / "data").rglob("*") if path.is_file()}
    ran = subprocess.run(
        [*apart, sys.executable, Path(__file__).with_name("small_disk.py")],
        input=json.dumps(case),
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    faults = json.loads(ran.stdout.splitlines()[-1])
    assert len(faults) >= 2
    assert all("No space left on device" in fault["message"] for fault in faults), faults
    assert all("make room on the disk and run the same command again" in fault["message"] for fault in faults)
    assert [fault["partial"] for fault in faults] == [[]] * len(faults), "nothing half written stays"

    corpus.run(chosen)
    assert tables(root / "out") == tables(corpus.workspace.tables)
    assert {path: path.read_bytes() for path in (root / "data").rglob("*") if path.is_file()} == before
