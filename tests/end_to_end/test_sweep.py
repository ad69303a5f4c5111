"""`corrtrack sweep` on a small demo corpus, with the real DVC: what its own commands then answer."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from flows.runtime.repository import Repository
from tasks.demo_corpus.corpus import synthesise
from tests.end_to_end.conftest import ROOT, small_params

pytestmark = pytest.mark.end_to_end

STAGES = ("index", "detect", "estimate", "recover", "track", "merge", "score")
NETWORKS = ("pose", "correspondence")
GRID = ("--set", "track.tau_corr=0.05,0.9", "--set", "merge.enabled=false", "--resamples", "20")


def pipeline() -> dict[str, Any]:
    """The stages from index to score without their code; networks are copied from a tracked folder, not trained."""
    stages: dict[str, Any] = {
        f"copy_{name}": {
            "cmd": f"mkdir -p artifacts/models && cp weights/{name}.safetensors artifacts/models/{name}.safetensors",
            "deps": [f"weights/{name}.safetensors"],
            "outs": [f"artifacts/models/{name}.safetensors"],
        }
        for name in NETWORKS
    }
    declared = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    for name in STAGES:
        results = [dep for dep in declared[name]["deps"] if dep.startswith(("artifacts/", "data"))]
        stages[name] = declared[name] | {"deps": results}
    return {"stages": stages}


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    ran = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def dvc(root: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env=Repository(root).environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small) -> Path:
    """A checkout with a finished and committed run."""
    root = tmp_path_factory.mktemp("sweep") / "checkout"
    shutil.copytree(ROOT / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, root)
    (root / "weights").mkdir()
    for name in NETWORKS:
        shutil.copy(ROOT / "models/weights" / f"{name}.safetensors", root / "weights")
    (root / "params.yaml").write_text(small_params())
    YAML().dump(pipeline(), root / "dvc.yaml")
    git(root, "init", "--quiet")
    synthesise(root / "data", small.index.demo_corpus, seed=small.run.seed)
    dvc(root, "add", "--quiet", "data")
    dvc(root, "repro", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "A finished run")
    return root


@pytest.fixture
def checkout(finished, tmp_path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(finished, tmp_path / "checkout", symlinks=True))


@pytest.fixture
def start(checkout) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts `corrtrack ARGUMENTS` in the checkout."""

    def starting(*arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "flows", *arguments],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return starting


@pytest.fixture
def corrtrack(start) -> Callable[..., tuple[int, str]]:
    """Runs it; gives exit code and output, or the errors where it fails."""

    def run(*arguments: str) -> tuple[int, str]:
        process = start(*arguments)
        text, errors = process.communicate()
        return process.returncode, errors if process.returncode in (1, 2) else text

    return run


def experiments(root: Path) -> dict[str, str]:
    """Commit of each experiment by its name."""
    refs = git(root, "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").splitlines()
    return {ref.split("/", 4)[-1]: commit for ref, commit in map(str.split, refs)}


def stages_of(root: Path, commit: str) -> dict[str, Any]:
    """What dvc.lock of an experiment records of each stage."""
    stages: dict[str, Any] = YAML(typ="safe").load(git(root, "show", f"{commit}:dvc.lock"))["stages"]
    return stages


def shown_experiments(root: Path) -> dict[str, Any]:
    """Params and metrics of each experiment of the last commit, as `dvc exp show` has them."""
    baseline = json.loads(dvc(root, "exp", "show", "--json"))[1]
    shown = {}
    for experiment in baseline["experiments"]:
        (revision,) = experiment["revs"]
        data = revision["data"]
        shown[revision["name"]] = data["params"]["params.yaml"]["data"], data["metrics"]["reports/metrics.json"]["data"]
    return shown


def test_a_grid_is_what_dvc_lists_and_compares(corrtrack, checkout, tmp_path):
    metrics = json.loads((checkout / "reports/metrics.json").read_text())
    before = git(checkout, "rev-parse", "HEAD")
    names = [f"track.tau_corr={value},merge.enabled=false" for value in ("0.05", "0.9")]

    code, text = corrtrack("sweep", *GRID, "--dry-run", "--json")
    assert code == 0, text
    planned = json.loads(text)
    assert [row["name"] for row in planned] == ["merge.enabled=false", *names]
    assert [row["stages"] for row in planned] == [["merge", "score"], *[["track", "merge", "score"]] * 2]
    assert experiments(checkout) == {}, "a plan runs nothing"

    code, text = corrtrack("sweep", *GRID)
    assert code == 0, text
    assert (git(checkout, "rev-parse", "HEAD"), git(checkout, "status", "--porcelain")) == (before, "")
    assert json.loads((checkout / "reports/metrics.json").read_text()) == metrics
    page = checkout / "reports/sweep/track.tau_corr+merge.enabled.html"
    assert "<svg" in page.read_text()

    shown = shown_experiments(checkout)
    assert set(shown) == {"merge.enabled=false", *names}
    for name, value in zip(names, (0.05, 0.9), strict=True):
        params, scores = shown[name]
        assert (params["track"]["tau_corr"], params["merge"]["enabled"]) == (value, False)
        assert scores["merged"] == scores["tracking"], "nothing is merged"
        assert params["compute"] == YAML(typ="safe").load(small_params())["compute"]
    assert shown["merge.enabled=false"][1]["tracking"] == metrics["tracking"], "merging changes no track"
    assert shown[names[0]][1] != shown[names[1]][1]

    changed = json.loads(dvc(checkout, "params", "diff", "--json", "HEAD", names[1]))["params.yaml"]
    assert {key: part["new"] for key, part in changed.items()} == {"track.tau_corr": 0.9, "merge.enabled": False}
    changed = json.loads(dvc(checkout, "metrics", "diff", "--json", *names))["reports/metrics.json"]
    first, second = (shown[name][1]["tracking"]["MOTA"] for name in names)
    assert changed["tracking.MOTA"]["diff"] == pytest.approx(second - first)
    changed = json.loads(dvc(checkout, "exp", "diff", "--json", *names))
    assert set(changed["params"]["params.yaml"]) == {"track.tau_corr"}

    recorded = YAML(typ="safe").load((checkout / "dvc.lock").read_text())["stages"]
    for lock in (stages_of(checkout, commit) for commit in experiments(checkout).values()):
        assert next(stage for stage in recorded if lock[stage] != recorded[stage]) in ("track", "merge")
        assert lock["recover"] == recorded["recover"], "which depends on none of the keys"

    again = Path(shutil.copytree(checkout, tmp_path / "again", symlinks=True))
    commit = experiments(checkout)[names[1]]
    (again / "params.yaml").write_text(git(checkout, "show", f"{commit}:params.yaml") + "\n")
    dvc(again, "repro", "score")
    for name in ("dvc.lock", "reports/metrics.json"):
        assert (again / name).read_text() == git(checkout, "show", f"{commit}:{name}") + "\n", "as DVC itself writes it"

    code, text = corrtrack("compare", *names, "--json")
    assert code == 0, text
    assert [row["key"] for row in json.loads(text)["params"]] == ["track.tau_corr"]

    (compared,) = (checkout / "reports/compare").glob("*.html")
    for written, command, runs in ((page, "sweep", ["merge.enabled=false", *names]), (compared, "compare", names)):
        code, text = corrtrack("explain", str(written), "--json")
        assert code == 0, text
        answer = json.loads(text)
        assert (answer["command"], answer["is_recorded"]) == (command, True)
        assert [source["title"] for source in answer["sources"]] == runs
        assert {part["revision"] for source in answer["sources"] for part in source["chain"]} == {None}
        assert len({source["facts"]["params"] for source in answer["sources"]}) == len(runs)


def test_every_point_runs_with_each_seed_and_what_a_seed_shares_is_run_once(corrtrack, checkout, small):
    arguments = ("--set", "merge.max_gap_frames=1", "--seeds", "2", "--split", "val", "--resamples", "20", "--json")
    code, text = corrtrack("sweep", *arguments)
    assert code == 0, text
    content = json.loads(text)
    key, seed = "merge.max_gap_frames=1", f"run.seed={small.run.seed + 1}"
    assert content["present"]["names"] == ["present", seed]
    assert [point["names"] for point in content["points"]] == [[key, f"{key},{seed}"]]
    assert set(experiments(checkout)) == {seed, key, f"{key},{seed}"}, "the present params are the commit itself"

    shown, point = shown_experiments(checkout), content["points"][0]
    for kind, name in (("tracking", "tracks"), ("merged", "merged tracks")):
        by_seed = [shown[run][1][kind]["MOTA"] for run in point["names"]]
        assert point["totals"][name]["mota"] == pytest.approx(sum(by_seed) / 2)
    locks = {name: stages_of(checkout, commit) for name, commit in experiments(checkout).items()}
    assert locks[f"{key},{seed}"]["track"] == locks[seed]["track"] != locks[key]["track"]
    assert locks[f"{key},{seed}"]["merge"]["params"] != locks[seed]["merge"]["params"]


def test_a_killed_sweep_continues_with_the_next_point(start, corrtrack, checkout):
    process = start("sweep", *GRID)
    deadline = time.monotonic() + 300
    while not experiments(checkout) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    killed = psutil.Process(process.pid)
    for part in [killed, *killed.children(recursive=True)]:  # the points are made by a program of their own
        part.kill()
    process.communicate()
    first = experiments(checkout)
    assert len(first) in (1, 2)

    code, text = corrtrack("sweep", *GRID)

    assert code == 0, text
    assert "/3 points" not in text, "only the others are run"
    assert first.items() <= experiments(checkout).items()
    assert len(experiments(checkout)) == 3


def test_the_points_of_a_sweep_that_is_killed_alone_end_with_the_one_at_work(start, checkout):
    values = ",".join(f"0.{number:03}" for number in range(1, 400))
    process = start("sweep", "--set", f"track.tau_corr={values}")
    deadline = time.monotonic() + 300
    while not experiments(checkout) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    (program,) = [
        part for part in psutil.Process(process.pid).children() if "flows.sweeping.table_points" in part.cmdline()
    ]
    process.kill()
    process.communicate()
    program.wait(timeout=120)
    assert 0 < len(experiments(checkout)) < 400
