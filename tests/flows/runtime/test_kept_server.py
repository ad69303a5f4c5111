"""The Prefect server that outlives its run: found again, shared, replaced when it died, and gone when idle."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from flows.runtime import kept_server
from flows.runtime.clean import clean
from flows.runtime.history import Served, homes, locked, note_served, served
from flows.runtime.kept_server import IDLE_SECONDS, end_idle_server, idle_seconds, shared_server
from flows.runtime.prefect_server import RunPrefectServer
from flows.runtime.processes import RunFile
from flows.runtime.repository import Repository
from tasks.errors import InputError

starts_prefect = pytest.mark.end_to_end
"""Some seconds each."""


@pytest.fixture(autouse=True)
def kept(monkeypatch, checkout):
    """Servers are kept for an hour, and ended with the test."""
    monkeypatch.setenv(IDLE_SECONDS, "3600")
    yield
    note = served(homes(checkout)[0])
    if note is not None and note.is_kept and (process := note.process()) is not None:
        process.kill()
        process.wait(timeout=20)


@pytest.fixture
def sleeper():
    """A process that serves nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def server_of_a_run(checkout: Repository, name: str = "run") -> RunPrefectServer:
    return RunPrefectServer(checkout, RunFile(checkout.state / f"{name}.json"))


def wait_for_end(process: psutil.Process) -> bool:
    """Whether it ends within a minute; as the test is its parent, it stays as a zombie."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


@starts_prefect
def test_runs_share_a_server_that_goes_on_and_ends_when_nobody_has_used_it(checkout, monkeypatch):
    monkeypatch.setenv(IDLE_SECONDS, "1")
    first, second = server_of_a_run(checkout, "first"), server_of_a_run(checkout, "second")
    first.start()
    second.start()  # before the first answers
    assert first.url == second.url
    second.wait()
    process = psutil.Process(first.pid)
    assert not (checkout.state / "first.json").exists(), "the next run would end it as left over"
    assert process.environ()["PREFECT_HOME"] == str(homes(checkout)[0])
    first.stop()
    time.sleep(3)
    assert second.is_running()
    assert kept_server.answers(second.url), "used by the second run"
    second.stop()
    assert wait_for_end(process)
    assert served(homes(checkout)[0]) is None
    assert not homes(checkout)[1].exists()
    lock = locked(homes(checkout)[0])
    assert lock is not None
    lock.close()


@starts_prefect
def test_a_server_that_was_killed_is_replaced_and_clean_ends_one(checkout):
    first = server_of_a_run(checkout)
    first.start()
    os.kill(first.pid, signal.SIGKILL)
    while first.is_running():
        time.sleep(0.05)
    first.wait()
    assert first.is_running(), "one of this run, at the same address"
    assert first.home == homes(checkout)[0]
    first.stop()
    assert not first.is_running()
    second = server_of_a_run(checkout)
    second.start()
    process = psutil.Process(second.pid)
    second.stop()
    clean(checkout)
    assert wait_for_end(process)


@starts_prefect
def test_a_server_without_its_data_base_ends(checkout):
    server = server_of_a_run(checkout)
    server.start()
    process = psutil.Process(server.pid)
    shutil.rmtree(checkout.state)
    assert wait_for_end(process)
    server.stop()


def test_with_no_idle_time_a_run_has_a_server_of_its_own(checkout, monkeypatch):
    monkeypatch.setenv(IDLE_SECONDS, "0")
    assert shared_server(checkout) is None


@pytest.mark.parametrize("text", ["-1", "soon", "nan", "inf"])
def test_an_idle_time_that_is_no_number_of_seconds_is_refused(monkeypatch, text):
    monkeypatch.setenv(IDLE_SECONDS, text)
    with pytest.raises(InputError, match=f"{IDLE_SECONDS}: expected seconds from 0 on, got '{text}'"):
        idle_seconds()


def noted(home: Path, process: subprocess.Popen, **changes: object) -> None:
    """A note on a server that started just now, and the lock that it holds."""
    home.mkdir(parents=True, exist_ok=True)
    note = Served.now("http://127.0.0.1:9/api", for_runs=True, pid=process.pid, is_kept=True)
    note_served(home, replace(note, **changes))


def test_a_server_that_is_starting_is_joined(checkout, sleeper):
    noted(homes(checkout)[0], sleeper)
    server = shared_server(checkout)
    assert server is not None
    assert server.served.pid == sleeper.pid
    server.release()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"host": "elsewhere"}, "of another machine"),
        ({"prefect": version("prefect") + ".1"}, "of another version"),
        ({"for_runs": False}, "of a single run"),
        ({"is_kept": False}, "of `corrtrack ui`, which does not answer"),
    ],
)
def test_a_server_that_does_not_fit_is_not_joined(checkout, sleeper, changes, reason):
    home = homes(checkout)[0]
    noted(home, sleeper, **changes)
    with locked(home):
        assert shared_server(checkout) is None, reason


def test_a_server_that_hangs_is_not_joined(checkout, sleeper, monkeypatch):
    monkeypatch.setattr(kept_server, "_STARTING_SECONDS", 0.0)
    home = homes(checkout)[0]
    noted(home, sleeper)
    with locked(home):
        assert shared_server(checkout) is None


def test_a_server_of_another_user_is_not_joined(checkout, sleeper, monkeypatch):
    home = homes(checkout)[0]
    noted(home, sleeper)
    monkeypatch.setattr(os, "getuid", lambda: psutil.Process().uids().real + 1)
    with locked(home):
        assert shared_server(checkout) is None


def test_a_checkout_that_cannot_be_written_to_gets_no_shared_server(checkout):
    checkout.shared_state.parent.mkdir(exist_ok=True)
    checkout.shared_state.write_text("a file where a folder should be")
    assert shared_server(checkout) is None


def test_only_a_kept_server_without_users_is_ended(checkout, sleeper):
    home = homes(checkout)[0]
    noted(home, sleeper)
    user = shared_server(checkout)
    end_idle_server(home)
    assert sleeper.poll() is None, "a run uses it"
    user.release()
    noted(home, sleeper, started=psutil.Process(sleeper.pid).create_time() - 100)
    end_idle_server(home)
    assert sleeper.poll() is None, "a later process with the pid of the server"
    noted(home, sleeper)
    end_idle_server(home)
    assert sleeper.poll() is not None
    assert served(home) is None
