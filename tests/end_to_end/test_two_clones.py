"""Two clean clones on one machine, at different commits and paths, give the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.provenance import read_provenance
from tasks.stages import STAGES
from tasks.workspace import Workspace
from tests.end_to_end.conftest import ROOT, small_params

pytestmark = pytest.mark.end_to_end

_RUN = """
from pathlib import Path
from tasks.demo_corpus.corpus import synthesise
from tasks.params.loading import load_params
from tasks.stage_run import run_stage
from tasks.stages import STAGES
from tasks.workspace import Workspace

workspace, params = Workspace.of_repository(Path.cwd()), load_params(Path("params.yaml"))
synthesise(workspace.data, params.index.demo_corpus, seed=params.run.seed)
for stage in STAGES:
    if stage not in ("ablate", "report"):
        run_stage(stage, workspace, params)
"""


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def cloned_and_run(root: Path) -> Workspace:
    git(root.parent, "clone", "--quiet", str(ROOT), root.name)
    (root / "params.yaml").write_text(small_params())
    git(root, "commit", "--quiet", "--all", "--message", f"Small params in {root.name}")
    ran = subprocess.run([sys.executable, "-c", _RUN], cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return Workspace.of_repository(root)


def files_of(workspace: Workspace) -> dict[str, bytes]:
    """Everything that stages write and DVC compares, by path."""
    folders = (workspace.tables, workspace.models, workspace.exports, workspace.artifacts / "plots")
    return {
        path.relative_to(workspace.artifacts).as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_two_clean_clones_give_the_same_tables_weights_and_exports(tmp_path):
    first, second = (cloned_and_run(tmp_path / name) for name in ("first", "second"))
    ours, theirs = files_of(first), files_of(second)
    assert sum(name.endswith(".parquet") for name in ours) > 30
    assert sum(name.endswith(".safetensors") for name in ours) == 5
    assert [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)] == []
    assert (first.reports / "scores.json").read_bytes() == (second.reports / "scores.json").read_bytes()

    records = [read_provenance(workspace, "merge") for workspace in (first, second)]
    assert records[0]["revision"] != records[1]["revision"], "each has a commit of its own, which no table holds"
    names = ("params_sha256", "seed", "data_sha256", "weights_sha256", "versions", "hardware")
    assert [records[0][name] for name in names] == [records[1][name] for name in names]
    assert set(records[0]["weights_sha256"]) == {stage.weights for stage in STAGES.values() if stage.trains}
    assert json.dumps(records[0]).count(str(tmp_path)) == 0
