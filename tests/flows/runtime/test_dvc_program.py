"""DVC as runs call it: the same dvc.lock, byte for byte, as DVC itself writes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.runtime import dvc_program

ROOT = Path(__file__).parents[3]
DVC = (sys.executable, "-m", "dvc")
PARAMS = """\
rate: 1.0e-05
small: 0.00001
tiny: 1e-05
none: null
yes_text: 'yes'
number_text: '12'
date_text: '2026-01-02'
octal_text: '010'
time_text: '12:30:45'
words: 'a: b # c'
long: [0.1, 2, -3.5, .inf, true, 1000000000000000000000]
nested: {ü: '–', empty: [], none: {}}
"""
STAGES = """\
# a comment that stays
stages:
  first:
    cmd: echo 1 > one
    deps: [source]
    params: [rate, small, tiny, none, yes_text, number_text, date_text, octal_text, time_text, words, long, nested]
    outs: [one]
  second:
    cmd: mkdir -p two && cp one two/a && cp one two/b
    deps: [one, source]
    outs: [two]
"""


def run(root: Path, *command: str) -> None:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / "site")}
    ran = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def pipeline(root: Path) -> Path:
    root.mkdir()
    run(root, *DVC, "init", "--no-scm", "--quiet")
    (root / "dvc.yaml").write_text(STAGES)
    (root / "params.yaml").write_text(PARAMS)
    (root / "source").write_text("A\n")
    (root / "data").mkdir()
    (root / "data/picture").write_text("B\n")
    return root


@pytest.mark.end_to_end
def test_it_writes_what_dvc_writes_at_each_step(tmp_path: Path) -> None:
    roots = {"dvc": (pipeline(tmp_path / "dvc"), DVC), "run": (pipeline(tmp_path / "run"), dvc_program.COMMAND)}
    for step in (
        ("add", "--quiet", "data"),
        ("repro", "--single-item", "first"),
        ("repro", "--single-item", "second"),
        ("repro", "--single-item", "second", "--force"),
        ("stage", "add", "--quiet", "--name", "third", "--outs", "three", "touch three"),
        ("repro",),
    ):
        written = {}
        for name, (root, command) in roots.items():
            run(root, *command, *step)
            files = (path for path in (root / "dvc.lock", root / "dvc.yaml", root / "data.dvc") if path.exists())
            written[name] = {path.name: path.read_bytes() for path in files}
        assert written["dvc"] == written["run"], step
    assert b"# a comment that stays" in written["run"]["dvc.yaml"]
    assert b"third:" in written["run"]["dvc.lock"]


@pytest.mark.end_to_end
def test_this_repositorys_lock_file_keeps_its_bytes(tmp_path: Path) -> None:
    script = (
        f"import runpy; program = runpy.run_path({dvc_program.COMMAND[2]!r})\n"
        "with program['_modify_yaml']('dvc.lock') as content: assert len(content['stages']) > 10\n"
    )
    (tmp_path / "dvc.lock").write_bytes((ROOT / "dvc.lock").read_bytes())
    run(tmp_path, sys.executable, "-c", script)
    assert (tmp_path / "dvc.lock").read_bytes() == (ROOT / "dvc.lock").read_bytes()
