"""`corrtrack ... | head -1`: commands whose output nobody reads any more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def ended_unread(*arguments: str, folder: Path, has_errors: bool) -> "subprocess.CompletedProcess[bytes]":
    """A command whose output, with or without its errors, is a pipe that has no reader."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "flows", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=writer,
            stderr=subprocess.PIPE if has_errors else writer,
            check=False,
        )
    finally:
        os.close(writer)


def test_a_page_that_is_not_read_to_its_end_is_no_error(tmp_path):
    ran = ended_unread("--help", folder=tmp_path, has_errors=True)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize("has_errors", [True, False])
def test_the_work_goes_on_without_a_reader(checkout, has_errors):
    ran = ended_unread("stage", "index", folder=checkout.root, has_errors=has_errors)
    assert (ran.returncode, ran.stderr or b"") == (0, b"")
    assert (checkout.root / "artifacts" / "index").read_text() == "hello\n"


def test_bad_input_keeps_its_exit_code(checkout):
    (checkout.root / "data" / "text").write_text("broken\n")
    ran = ended_unread("stage", "index", folder=checkout.root, has_errors=False)
    assert ran.returncode == 2
