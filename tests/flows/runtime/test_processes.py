"""Leftovers are ended only when pid and start time both match."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from flows.runtime.processes import ProcessRecord, RunFile, end_leftovers, end_tree

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    " print(child.pid, flush=True); child.wait()",
]


@pytest.fixture
def start():
    started = []

    def run(command: list[str]) -> subprocess.Popen:
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_a_leftover_is_ended_with_its_children(start, tmp_path):
    process = start(PARENT)
    child = int(process.stdout.readline())
    RunFile(tmp_path / "run.json").add("ray", process.pid)
    ended = end_leftovers(RunFile(tmp_path / "run.json"))
    assert [(record.name, record.pid) for record in ended] == [("ray", process.pid)]
    assert not psutil.pid_exists(child)
    assert not (tmp_path / "run.json").exists()


def test_a_process_that_got_the_pid_later_is_not_ended(start, tmp_path):
    process = start(SLEEP)
    run_file = RunFile(tmp_path / "run.json")
    record = run_file.add("prefect", process.pid)
    text = run_file.path.read_text()
    run_file.path.write_text(text.replace(str(record.started), str(record.started - 60)))
    assert end_leftovers(RunFile(run_file.path)) == []
    assert process.poll() is None


def test_a_record_of_an_ended_process_gives_none(start):
    process = start(SLEEP)
    record = ProcessRecord.of("prefect", process.pid)
    assert record.process() is not None
    assert replace(record, started=record.started + 5).process() is None
    process.kill()
    process.wait()
    assert record.process() is None


def test_a_process_that_ignores_sigterm_is_killed(start):
    process = start(STUBBORN)
    process.stdout.readline()
    end_tree(psutil.Process(process.pid), patience_seconds=0.5)
    assert not psutil.pid_exists(process.pid)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"processes": [{"name": "ray"}]}', '{"processes": 3}'])
def test_a_damaged_run_file_has_no_records(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    assert RunFile(tmp_path / "run.json").read() == []


def test_the_run_file_is_there_only_while_something_runs(start, tmp_path):
    run_file = RunFile(tmp_path / "state" / "run.json")
    first, second = (run_file.add(name, start(SLEEP).pid) for name in ("prefect", "ray"))
    assert RunFile(run_file.path).read() == [first, second]
    run_file.discard(first)
    assert RunFile(run_file.path).read() == [second]
    run_file.discard(second)
    assert not run_file.path.exists()


def test_records_removed_side_by_side_leave_no_run_file(tmp_path):
    for _ in range(20):
        run_file = RunFile(tmp_path / "run.json")
        records = [run_file.add(f"server {number}", os.getpid()) for number in range(8)]
        with ThreadPoolExecutor(len(records)) as pool:
            list(pool.map(run_file.discard, records))
        assert not run_file.path.exists()
