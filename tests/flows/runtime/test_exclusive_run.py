"""One run per workspace; the second names the first."""

import subprocess
import sys

import pytest

from flows.runtime.exclusive_run import lease_of, run_lock
from tasks.errors import InputError

HOLD = """
import sys, time
from pathlib import Path
from flows.runtime.exclusive_run import run_lock
with run_lock(Path(sys.argv[1]), command="corrtrack reproduce"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_run_names_the_first_and_a_killed_run_holds_nothing(tmp_path):
    path = tmp_path / "state" / "run.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        holder_named = rf"corrtrack reproduce \(pid {holder.pid} on \S+, since "
        with pytest.raises(InputError, match=holder_named), run_lock(path, command="another", patience_seconds=0.3):
            pass
    finally:
        holder.kill()
        holder.wait()
    with run_lock(path, command="corrtrack stage track", patience_seconds=0.3):
        assert "stage track" in lease_of(path.parent).read_text()
    assert not lease_of(path.parent).exists()
