"""What a result comes from, in a checkout whose stages DVC itself has run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from flows.cli import app
from flows.explain import explain
from flows.runtime.repository import Repository
from tasks.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def finished(checkout: Repository) -> Repository:
    """The checkout after `dvc repro track`: index, recover and track have run, pretrain has not."""
    environment = checkout.environment() | {"PYTHONPATH": str(ROOT)}
    for command in (["add", "-q", "data"], ["repro", "-q", "track"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=checkout.root, env=environment, check=True)
    return checkout


def test_a_result_is_explained_by_its_stage_and_those_behind_it(finished, monkeypatch):
    answer = explain(finished, finished.root / "artifacts/track")
    lock = YAML(typ="safe").load((finished.root / "dvc.lock").read_text())["stages"]
    assert (answer["file"], answer["stage"], answer["is_recorded"]) == ("artifacts/track", "track", True)
    assert [part["stage"] for part in answer["chain"]] == ["index", "recover"]
    assert answer["data"] == {"data": lock["index"]["deps"][0]["md5"]}
    assert answer["versions"]["numpy"]
    assert answer["hardware"]["cores"] >= 1
    record = json.loads((finished.root / "artifacts/provenance/recover.json").read_text())
    assert [answer["chain"][1][name] for name in ("revision", "started")] == [record["revision"], record["started"]]
    digests = {part["params_sha256"] for part in (answer, *answer["chain"])}
    assert len(digests) == 3, "track and recover read other params, index none"

    monkeypatch.chdir(finished.root)
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(app, ["explain", "artifacts/track"])
    assert shown.exit_code == 0, shown.output
    for text in (
        "stage track",
        "bytes are those that",
        "seconds: ",
        f"data data: {answer['data']['data']}",
        answer["revision"],
        "recover",
    ):
        assert text in shown.output
    assert json.loads(CliRunner().invoke(app, ["explain", "artifacts/track", "--json"]).output) == answer

    monkeypatch.chdir(finished.root / "artifacts")
    assert explain(finished, Path("../artifacts/track")) == answer
    link = finished.root.with_name("link")
    link.symlink_to(finished.root)
    assert explain(finished, link / "artifacts/track") == answer

    (finished.root / "artifacts/track").write_text("changed by hand\n")
    assert explain(finished, finished.root / "artifacts/track")["is_recorded"] is False
    for path, message in (
        ("artifacts/index/x", "got no such file"),
        ("params.yaml", "got a file that no stage writes"),
        ("artifacts/pretrain", "got no run of pretrain"),
        (os.devnull, "got one outside it"),
    ):
        with pytest.raises(InputError, match=message):
            explain(finished, finished.root / path)
