"""Real runs of `corrtrack` on small stages, with the real Prefect, Ray and DVC."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.runtime.processes import RunFile

pytestmark = pytest.mark.end_to_end

STOPPED = "stopped; finished work is kept, the same command continues from there"


def wait_for(condition, process, *, seconds=240.0):
    """Wait until the condition holds; the process must go on meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(process, *, seconds=240.0) -> tuple[int, str]:
    text, _ = process.communicate(timeout=seconds)
    return process.returncode, text


def ours(root: Path) -> list[str]:
    """Command lines of all processes that work in the checkout."""
    processes = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(root):
                processes.append(" ".join(process.cmdline()))
        except (psutil.Error, OSError):
            continue
    return processes


def running(checkout) -> set[str]:
    return {record.name for record in RunFile(checkout.state / "run.json").read()}


def hold(checkout, *stages):
    for stage in stages:
        (checkout.root / f"hold_{stage}").touch()


def release(checkout, *stages):
    for stage in stages:
        (checkout.root / f"hold_{stage}").unlink()


def at(checkout, *stages):
    """Whether these stages have all begun."""
    return all((checkout.root / f"at_{stage}").exists() for stage in stages)


def test_a_run_killed_with_two_stages_at_work_continues_and_leaves_nothing_behind(checkout, corrtrack):
    hold(checkout, "pretrain", "recover")
    killed = corrtrack("reproduce")
    members = {"prefect", "ray", "pretrain", "recover"}
    wait_for(lambda: at(checkout, "pretrain", "recover") and running(checkout) == members, killed)
    records = RunFile(checkout.state / "run.json").read()

    code, text = ended(corrtrack("stage", "track"))
    assert code == 2
    assert f"corrtrack reproduce (pid {killed.pid} on " in text

    killed.kill()
    killed.wait()
    assert {record.name for record in records if record.process()} == members

    again = corrtrack("reproduce")
    wait_for(lambda: not any(record.process() for record in records), again)
    release(checkout, "pretrain", "recover")
    code, text = ended(again)
    assert code == 0, text
    assert "ended a process that an earlier run left running: prefect" in text
    *first_two, last = (line.partition(":")[0] for line in text.splitlines() if line.endswith(": starting"))
    assert (set(first_two), len(first_two), last) == ({"pretrain", "recover"}, 2, "track")
    assert (checkout.root / "artifacts" / "track").read_text() == "hello\n"
    assert ours(checkout.root) == []
    assert not (checkout.state / "run.json").exists()

    log = checkout.state / "logs" / "prefect.log"
    before = log.stat().st_mtime_ns
    code, text = ended(corrtrack("reproduce"))
    assert (code, log.stat().st_mtime_ns) == (0, before)
    assert "nothing was stale" in text


def test_a_stage_that_fails_ends_the_one_beside_it_and_the_run(checkout, corrtrack):
    hold(checkout, "pretrain", "recover")
    (checkout.root / "fail_recover").touch()
    process = corrtrack("reproduce")
    wait_for(lambda: at(checkout, "pretrain", "recover"), process)
    release(checkout, "recover")
    code, text = ended(process)
    assert (code, text.splitlines()[-1]) == (1, "recover: expected to go on, got an order to fail")
    assert "pretrain: stopped with the run; run it again to continue" in text
    assert not at(checkout, "track")
    assert ours(checkout.root) == []


@pytest.mark.parametrize("number", [2, 15], ids=["ctrl-c", "sigterm"])
def test_a_run_that_is_stopped_ends_both_stages_that_work(checkout, corrtrack, number):
    hold(checkout, "pretrain", "recover")
    process = corrtrack("reproduce")
    wait_for(lambda: at(checkout, "pretrain", "recover"), process)
    process.send_signal(number)
    code, text = ended(process)
    assert (code, text.splitlines()[-1]) == (128 + number, STOPPED)
    assert {f"{stage}: stopped with the run; run it again to continue" for stage in ("pretrain", "recover")} <= set(
        text.splitlines()
    )
    assert ours(checkout.root) == []
    assert not (checkout.state / "run.json").exists()


def test_bad_input_stops_the_run_with_the_message_of_the_stage(checkout, corrtrack):
    (checkout.root / "data" / "text").write_text("broken\n")
    code, text = ended(corrtrack("stage", "index"))
    assert (code, text.splitlines()[-1]) == (2, "index: data/text line 1: expected text, got broken")


def test_single_stages_run_by_dvc_and_only_when_stale(checkout, corrtrack):
    text = ended(corrtrack("stage", "index", "-v"))[1]
    assert "index: ran" in text
    assert "> python stage.py index" in text, "what DVC and the stage print"
    text = ended(corrtrack("stage", "index"))[1]
    assert "index: unchanged" in text
    assert "didn't change" not in text
    assert "index: ran" in ended(corrtrack("stage", "index", "--force"))[1]
    code, text = ended(corrtrack("stage", "indx"))
    assert (code, text) == (2, "stage indx: expected one of index, pretrain, recover, track\n")


@pytest.mark.parametrize("number", [2, 15], ids=["ctrl-c", "sigterm"])
def test_a_single_stage_that_is_stopped_leaves_nothing_behind(checkout, corrtrack, number):
    hold(checkout, "index")
    process = corrtrack("stage", "index")
    wait_for(lambda: at(checkout, "index"), process)
    process.send_signal(number)
    code, text = ended(process)
    assert (code, text.splitlines()[-1]) == (128 + number, STOPPED)
    assert ours(checkout.root) == []


def test_ctrl_c_while_the_servers_start(checkout, corrtrack):
    hold(checkout, "index")  # should they answer before the signal comes
    process = corrtrack("reproduce")
    wait_for(lambda: running(checkout) >= {"prefect", "ray"}, process)
    process.send_signal(2)
    assert ended(process)[0] == 130
    assert ours(checkout.root) == []
    assert not (checkout.state / "run.json").exists()


def test_a_run_ends_with_the_make_that_started_it(checkout, corrtrack):
    make = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    hold(checkout, "index")
    process = corrtrack("reproduce", CORRTRACK_PARENT=str(make.pid))
    wait_for(lambda: running(checkout) >= {"prefect", "ray"}, process)
    make.kill()
    make.wait()
    assert ended(process)[0] == 143
    assert ours(checkout.root) == []


def test_params_that_do_not_fit_start_nothing(checkout, corrtrack):
    code, text = ended(corrtrack("reproduce", "--set", "track.tau_cor=0.2"))
    assert code == 2
    assert "did you mean track.tau_corr" in text
    assert not (checkout.state / "logs").exists()


def test_nodes_that_cannot_read_the_corpus_are_refused_before_any_stage(checkout, corrtrack):
    code, text = ended(corrtrack("reproduce", "--set", "compute.shared_disk=false"))
    assert code == 2, text
    assert "compute.shared_disk is false: expected a corpus by URL, such as s3://BUCKET/FOLDER" in text
    assert not (checkout.root / "at_index").exists()


def test_a_dry_run_shows_what_a_run_would_do_and_changes_nothing(checkout, corrtrack):
    code, text = ended(corrtrack("reproduce", "--until", "recover"))
    assert code == 0, text
    assert "left as they are, though they are or may be stale: pretrain, track" in text
    assert not (checkout.root / "artifacts" / "track").exists()

    before = (checkout.root / "params.yaml").read_bytes()
    code, text = ended(corrtrack("reproduce", "--dry-run", "--json", "--set", "recover.max_gap_frames=2"))
    assert code == 0, text
    planned = {part["stage"]: part for part in json.loads(text)}
    assert planned["pretrain"]["reasons"] == ["has no recorded run"]
    assert planned["recover"]["reasons"] == ["params: recover.max_gap_frames 1 -> 2"]
    assert planned["recover"]["last_seconds"] >= 0
    assert planned.keys() == {"pretrain", "recover", "track"}
    assert (checkout.root / "params.yaml").read_bytes() == before

    code, text = ended(corrtrack("reproduce", "--from", "track"))
    assert code == 0, text
    assert (checkout.root / "artifacts" / "track").read_text() == "hello\n"
    assert not (checkout.root / "artifacts" / "pretrain").exists()
