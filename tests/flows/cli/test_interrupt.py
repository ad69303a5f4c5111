"""Ctrl-C and --debug as a user meets them: in the program itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/golden/poseval/13_mixed_lengths"


def started(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "flows", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("command", ["convert", "score"])
def test_ctrl_c_leaves_whole_files_only_and_no_traceback(command, tmp_path):
    for folder in ("gt", "pred"):
        (tmp_path / folder).mkdir()
        for number in range(400):
            for source in sorted((GOLDEN / folder).glob("*.json")):
                (tmp_path / folder / f"{number:06d}_{source.name}").symlink_to(source)
    out = tmp_path / "out"
    arguments = {
        "convert": (tmp_path / "gt", "--to", "posetrack17", "--out", out),
        "score": ("--gt", tmp_path / "gt", "--pred", tmp_path / "pred", "--out", out),
    }
    process = started(command, *arguments[command])
    needed, pattern = (20, "*.json") if command == "convert" else (1, ".corrtrack-out")
    while process.poll() is None and len(list(out.glob(pattern))) < needed:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    files = [path for path in out.rglob("*") if path.is_file()]
    assert [path for path in files if "partial" in path.name] == []
    written = [json.loads(path.read_text()) for path in files if path.suffix == ".json"]
    assert len(written) >= needed if command == "convert" else written == []
    listed = set((out / ".corrtrack-out").read_text().splitlines()[1:])
    assert {path.name for path in files} - {".corrtrack-out"} <= listed

    if command == "convert":
        shutil.rmtree(tmp_path / "gt")
        shutil.copytree(GOLDEN / "gt", tmp_path / "gt")
        again = started(command, *arguments[command])
        assert again.communicate(timeout=60)[1] == "", "the same out folder is taken again"
        assert again.returncode == 0


@pytest.mark.parametrize("words", [("--debug", "explain"), ("explain", "--debug"), ("explain",)])
def test_an_error_shows_its_traceback_where_it_is_asked_for(words, tmp_path):
    process = started(*words, tmp_path / "nothing")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert ("Traceback (most recent call last)" in errors) == (len(words) > 1)
    assert errors.splitlines()[-1].startswith(f"{tmp_path / 'nothing'}: expected a file in the checkout")
