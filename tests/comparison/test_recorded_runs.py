"""Runs as git, DVC and an out folder keep them, compared by the command: with real repositories."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from flows.cli import app
from flows.compare import parse_condition
from flows.runtime.recorded_runs import find_version
from flows.runtime.repository import Repository
from flows.runtime.saved_runs import save_out_folder, save_run
from tasks.errors import InputError
from tasks.out_folder import claim_out_folder

pytestmark = pytest.mark.end_to_end

PARAMS = {
    "run": {"seed": 1},
    "detect": {"box_sources": ["detected"]},
    "track": {"output_keypoint_threshold": 0.3, "tau_corr": 0.3},
    "score": {"splits": ["val"]},
}
STAGE = {
    "index": {
        "cmd": "true",
        "params": ["track"],
        "outs": [
            *(f"artifacts/tables/{name}.parquet" for name in ("videos", "frames")),
            *(f"artifacts/tables/{name}" for name in ("tracks", "merged_tracks")),
        ],
    }
}


def write_yaml(path: Path, content: object) -> None:
    with path.open("w") as file:
        YAML().dump(content, file)


def run(root: Path, *command: str) -> None:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "DVC_SITE_CACHE_DIR": str(root / "site")}
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)


def perfect(frame: int) -> dict[int, float]:
    return {5: 10.0, 6: 200.0}


def switching(frame: int) -> dict[int, float]:
    return {(5 if frame < 2 else 7): 10.0, 6: 200.0}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, make_run: Callable[..., None]) -> Repository:
    """A checkout whose first commit switches identities, and whose second, saved as `better`, does not.

    The run in its working tree is the second one.
    """
    root = tmp_path_factory.mktemp("checkout")
    write_yaml(root / "dvc.yaml", {"stages": STAGE})
    (root / ".gitignore").write_text("/artifacts/\n/data/\n/.corrtrack/\n/site/\n")
    dvc = (sys.executable, "-m", "dvc")
    for command in (("git", "init", "-q"), ("git", "config", "user.email", "test@localhost"),
                    ("git", "config", "user.name", "test"), (*dvc, "init", "-q")):  # fmt: skip
        run(root, *command)
    for tracks, threshold in ((switching, 0.3), (perfect, 0.2)):
        make_run(root, {"a": tracks, "b": perfect}, tags={})
        write_yaml(root / "params.yaml", PARAMS | {"track": PARAMS["track"] | {"tau_corr": threshold}})
        run(root, *dvc, "add", "-q", "data")
        run(root, *dvc, "commit", "-q", "-f", "index")
        run(root, "git", "add", "-A")
        run(root, "git", "commit", "-q", "-m", "run")
    repository = Repository(root)
    save_run(repository, "better")
    return repository


@pytest.fixture
def corrtrack(checkout: Repository, monkeypatch) -> Callable[..., tuple[int, str]]:
    """Runs the command in the checkout: exit code and output."""
    monkeypatch.chdir(checkout.root)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments, "--resamples", "20"])
        return result.exit_code, result.output

    return call


def test_a_revision_is_compared_with_the_working_tree(corrtrack, checkout):
    code, text = corrtrack("compare", "HEAD~1")
    assert code == 0, text
    assert "track.tau_corr: 0.3 -> 0.2" in text
    assert "switch: 0 new, 15 gone, 0 common" in text
    page = checkout.root / "reports/compare/HEAD_1..working_tree.html"
    assert f"page: {page}" in text
    content = json.loads(page.with_suffix(".json").read_text())
    assert content["videos"] == ["a", "b"]
    assert [row["stage"] for row in content["stages"]] == ["index"]
    assert content["stages"][0]["params"] and content["stages"][0]["results"]
    first, second = content["origins"]
    ran = subprocess.run(["git", "rev-parse", "HEAD~1"], cwd=checkout.root, capture_output=True, text=True, check=True)
    commit = ran.stdout.strip()
    assert (first["title"], first["sentence"]) == ("HEAD~1", f"Git revision {commit[:12]}.")
    assert first["facts"]["params"] != second["facts"]["params"]
    assert f"Git revision {commit[:12]}." in page.read_text()


def test_a_saved_run_equals_the_working_tree_it_was_saved_from(corrtrack, checkout):
    code, text = corrtrack("compare", "better", "--json")
    assert code == 0, text
    content = json.loads(text)
    assert {row["verdict"] for row in content["metrics"]} == {"identical"}
    assert (content["params"], content["stages"], content["moments"]) == ([], [], [])


def test_several_runs_are_each_judged_against_the_first(corrtrack):
    code, text = corrtrack("compare", "better", "HEAD", "HEAD~1", "--json", "--fail-if", "IDSW > 10")
    assert code == 4, "the limit holds for one of them"
    contents = json.loads(text)
    assert [(content["first"], content["second"]) for content in contents] == [
        ("better", "HEAD"),
        ("better", "HEAD~1"),
    ]
    assert {row["verdict"] for row in contents[0]["metrics"]} == {"identical"}
    assert contents[1]["errors"]["switch"]["new"] == 15


def test_a_saved_run_keeps_how_its_stages_ran(corrtrack, checkout):
    def write_records(revision: str) -> None:
        folder = checkout.root / "artifacts/provenance"
        folder.mkdir(exist_ok=True)
        for stage in ("index", "track"):
            record = {"revision": revision, "started": "2026-01-02T03:04:05+00:00", "hardware": None}
            (folder / f"{stage}.json").write_text(json.dumps(record))

    write_records("0123456789abcdef+changes")
    save_run(checkout, "kept")
    write_records("fedcba9876543210")

    _, text = corrtrack("compare", "kept")
    assert "kept: Run of 2026-01-02 03:04:05 UTC, git revision 0123456789ab with uncommitted changes. Params " in text
    assert "working tree: Run of 2026-01-02 03:04:05 UTC, git revision fedcba987654. Params " in text
    for name in ("kept", ".corrtrack/runs/kept", ".corrtrack/runs/kept/dvc.lock"):
        shown = CliRunner().invoke(app, ["explain", name, "--json"])
        answer = json.loads(shown.output)
        assert (answer["run"], answer["facts"]["seed"]) == ("kept", 1)
        assert [part["revision"] for part in answer["chain"]] == ["0123456789abcdef+changes"]
    shown = CliRunner().invoke(app, ["explain", "HEAD~1"])
    assert "from HEAD~1: Git revision " in shown.output


@pytest.mark.parametrize(("condition", "code"), [("IDSW > 10", 4), ("IDSW > 20", 0), ("MOTA < -0.5", 4)])
def test_a_limit_decides_the_exit_code(corrtrack, condition, code):
    exit_code, text = corrtrack("compare", "better", "HEAD~1", "--fail-if", condition)
    assert exit_code == code, text


def test_tables_of_a_revision_are_links_into_the_cache(checkout):
    version = find_version(checkout, "HEAD~1")
    path = version.workspace.tables / "tracks/a.parquet"
    assert path.is_symlink()
    assert path.resolve().is_relative_to(checkout.root / ".dvc/cache")


def test_an_experiment_is_a_run(checkout):
    command = ("git", "rev-parse", "HEAD")
    head = subprocess.run(command, cwd=checkout.root, check=True, capture_output=True, text=True).stdout.strip()
    run(checkout.root, "git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/track.tau_corr=0.2", head)
    found = find_version(checkout, "track.tau_corr=0.2")
    assert found.name == "track.tau_corr=0.2"
    assert found.workspace.tables == find_version(checkout, "HEAD").workspace.tables


def test_an_out_folder_is_a_run(corrtrack, checkout, tmp_path, make_run):
    out = claim_out_folder(tmp_path / "out")
    make_run(out, {"a": switching}, tags={})
    (out / "artifacts/request.json").write_text(json.dumps({"corpus": str(out / "data"), "params": PARAMS}))
    code, text = corrtrack("compare", str(out), "--markdown")
    assert code == 0, text
    assert "only working tree has them or their annotations differ: b" in text
    assert "15 gone" in text

    save_out_folder(out, "first")
    make_run(out, {"a": perfect}, tags={})
    code, text = corrtrack("compare", f"{out}@first", str(out), "--json")
    assert code == 0, text
    assert json.loads(text)["errors"]["switch"] == {"new": 0, "gone": 15, "common": 0}, "the saved tables are the first"
    with pytest.raises(InputError, match="expected a new name, found a saved run"):
        save_out_folder(out, "first")
    with pytest.raises(InputError, match=r"got none called 'second'; saved there: first"):
        find_version(checkout, f"{out}@second")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-revision", "no-such-revision: expected a git revision, a saved run or an out folder"),
        ("--output=x", "--output=x: expected a git revision"),
    ],
)
def test_an_unknown_run_is_refused(checkout, name, message):
    with pytest.raises(InputError, match=message):
        find_version(checkout, name)


def test_a_revision_whose_tables_left_the_cache_says_how_to_get_them(checkout, tmp_path):
    other = Repository(tmp_path / "clone")
    run(tmp_path, "git", "clone", "-q", str(checkout.root), "clone")
    with pytest.raises(InputError, match=r"in DVC's cache, got nothing; fetch it from a remote"):
        find_version(other, "HEAD")


@pytest.mark.parametrize("name", ["", "../x", ".hidden"])
def test_a_saved_run_needs_a_plain_name(checkout, name):
    with pytest.raises(InputError, match="expected a plain name"):
        save_run(checkout, name)


def test_a_saved_run_is_not_overwritten_by_another(checkout):
    (checkout.root / ".corrtrack/runs/taken").mkdir(parents=True)
    (checkout.root / ".corrtrack/runs/taken/params.yaml").write_text("other")
    with pytest.raises(InputError, match="found another run saved under it"):
        save_run(checkout, "taken")


@pytest.mark.parametrize("text", ["MOTA", "MOTA < x", "speed > 1", ""])
def test_a_limit_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="expected a metric"):
        parse_condition(text)
