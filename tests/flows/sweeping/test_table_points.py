"""The program that makes points from tables, as its own process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.sweeping.experiments import Experiments
from flows.sweeping.points import points_of_grid
from flows.sweeping.table_points import read_rejected, write_order
from tasks.tables import write_table
from tasks.tables.schemas import DETECTIONS, FRAMES, TRACKS, VIDEOS
from tests.flows.sweeping.test_experiments import ROOT, git, repository  # noqa: F401 - a fixture

VIDEO = {
    **{"video_id": "walk", "split": "train", "source": None, "media": "walk.mp4", "media_sha256": "", "width": 64},
    **{"height": 48, "frame_count": 1, "labelled_frame_count": 0, "frames_per_second": 25.0, "tags": []},
}


@pytest.fixture
def order(repository, tmp_path) -> Path:  # noqa: F811
    """An order of two points in a checkout of one video without a network, which only the first, for merging, needs."""
    stages = "".join(f"  {name}: {{cmd: 'false', params: [{name}]}}\n" for name in ("track", "merge", "score"))
    (repository.root / "dvc.yaml").write_text(f"stages:\n{stages}")
    tables = repository.workspace.tables
    write_table(VIDEOS, [VIDEO], VIDEOS.path(tables))
    write_table(FRAMES, [], FRAMES.path(tables))
    for table in (DETECTIONS, TRACKS):
        write_table(table, [], table.path(tables, "walk"))
    experiments = Experiments(repository.root, git(repository.root, "rev-parse", "HEAD"))
    rows = points_of_grid(repository.params.read_text(), ["merge.enabled=false,true"], sections={"merge"})
    write_order(tmp_path / "order.json", experiments, [rows[2][0], rows[1][0]])
    return tmp_path / "order.json"


def run(order: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "flows.sweeping.table_points", str(order)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_point_that_is_rejected_does_not_end_those_after_it(order):
    ran = run(order)
    assert ran.returncode == 0, ran.stderr
    assert list(read_rejected(order)) == ["merge.enabled=true"]
    assert "merge: " in read_rejected(order)["merge.enabled=true"]
    assert [
        ref.split("/")[-1] for ref in git(Path.cwd(), "for-each-ref", "--format=%(refname)", "refs/exps").split()
    ] == ["merge.enabled=false"]


def test_no_point_is_begun_once_the_sweep_is_gone(order):
    order.write_text(json.dumps(json.loads(order.read_text()) | {"parent": 1}))
    ran = run(order)
    assert ran.returncode == 130
    assert ran.stderr.splitlines()[-1] == "points: stopped; run it again to go on"
