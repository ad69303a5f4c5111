"""`corrtrack schedule` as a person lives with it, with a real Prefect server and a schedule of seconds."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flows.runtime.exclusive_run import run_lock
from flows.runtime.processes import RunFile
from flows.scheduling.occurrences import occurrences
from flows.scheduling.state_table import read_states
from tests.end_to_end.conftest import ROOT
from tests.end_to_end.test_reprocess import write_video

pytestmark = pytest.mark.end_to_end


def add_video(corpus: Path, name: str) -> None:
    (corpus / f"{name}.det.txt").write_text("".join(f"{frame},-1,{10 + frame},8,16,48,0.9\n" for frame in range(1, 5)))
    write_video(corpus / f"{name}.mp4", 4)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def states(out: Path) -> dict[str, str]:
    return {name: row.state for name, row in read_states(out).items()}


@pytest.fixture
def serve(checkout: Path, tmp_path: Path, untrained_weights: Path):
    """Starts `corrtrack schedule`; gives the process and the file that it prints into."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str, corpus: str | Path = tmp_path / "corpus") -> tuple[subprocess.Popen[bytes], Path]:
        log = tmp_path / f"schedule-{len(started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "flows", "schedule", corpus, "--out", tmp_path / "out"),
                    *("--settle", "3s", "--weights", untrained_weights, *options),
                ],
                cwd=checkout,
                env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process, log

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=120)


def test_a_corpus_that_grows_breaks_and_shrinks(corrtrack, serve, tmp_path):
    corpus, out, messages = tmp_path / "corpus", tmp_path / "out", tmp_path / "messages"
    corpus.mkdir()
    add_video(corpus, "street")
    (corpus / "broken.mp4").write_bytes(b"no video at all")
    (corpus / "copied.mp4").write_bytes(b"the beginning")
    still_copied = threading.Event()

    def copy() -> None:
        while not still_copied.wait(0.5):
            with (corpus / "copied.mp4").open("ab") as file:
                file.write(b"more")

    copier = threading.Thread(target=copy, daemon=True)
    copier.start()
    script = tmp_path / "note.py"
    script.write_text(f"import sys; open({str(messages)!r}, 'a').write(sys.stdin.read() + chr(10))")
    every = ("--every", "10s", "--notify-command", f"{sys.executable} {script}")

    process, log = serve(*every)
    expected = {"street": "done", "broken": "rejected", "copied": "waiting"}
    wait_for(lambda: states(out) == expected, "one done, one rejected once it stays as it is, one waiting")
    code, text = corrtrack("status", out)
    assert code == 3, text
    assert "schedule: every 10 s; next run 20" in text

    still_copied.set()
    copier.join()
    (corpus / "copied.mp4").unlink()
    (corpus / "broken.mp4").unlink()
    add_video(corpus, "square")
    wait_for(lambda: states(out) == {"street": "done", "square": "done"}, "the new video is tracked")
    digest = (out / "artifacts/tables/merged_tracks/street.parquet").read_bytes()
    wait_for(lambda: messages.is_file() and "recovered" in messages.read_text(), "a message on the recovery")
    assert [json.loads(line)["event"] for line in messages.read_text().splitlines()] == [
        "done with failures",
        "recovered",
    ]

    with run_lock(out / ".corrtrack/run.lock", command="corrtrack reprocess", patience_seconds=60):
        wait_for(lambda: occurrences(out)[-1].result == "skipped", "an occurrence that finds a run at work")
    assert f"found corrtrack reprocess (pid {os.getpid()} on " in occurrences(out)[-1].message

    server = next(record for record in RunFile(out / ".corrtrack/schedule/run.json").read() if record.name == "prefect")
    psutil.Process(server.pid).kill()
    wait_for(lambda: "the Prefect server ended; it is started again" in log.read_text(), "the server is watched")
    (corpus / "street.mp4").unlink()
    (corpus / "street.det.txt").unlink()
    wait_for(lambda: states(out) == {"street": "removed", "square": "done"}, "runs go on with the new server")
    assert (out / "artifacts/tables/merged_tracks/street.parquet").read_bytes() == digest

    process.send_signal(signal.SIGKILL)
    process.wait()
    add_video(corpus, "park")
    first, _ = serve(*every)
    second, _ = serve("--every", "13s")
    wait_for(lambda: states(out).get("park") == "done", "a new process goes on")
    wait_for(lambda: (out / ".corrtrack/schedule-2/schedule.json").is_file(), "two schedules of one folder")
    count = len(occurrences(out))
    wait_for(lambda: len(occurrences(out)) >= count + 3, "both go on")
    assert "failed" not in {occurrence.result for occurrence in occurrences(out)}

    for running in (first, second):
        running.terminate()
    assert [running.wait(timeout=120) for running in (first, second)] == [143, 143]
    code, text = corrtrack("status", out, "--json")
    assert code == 0, text
    assert [schedule["next"] for schedule in json.loads(text)["schedules"]] == [None, None]
    code, text = corrtrack("prune", out)
    assert "street: " in text
    assert states(out) == {"square": "done", "park": "done"}


def test_settings_of_prefect_in_the_folder_are_those_of_the_users_other_programs(serve, checkout, tmp_path):
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.mkdir()
    add_video(corpus, "street")
    (corpus / "broken.mp4").write_bytes(b"no video at all")
    (checkout / ".env").write_text("PREFECT_CLIENT_MAX_RETRIES=many\n")
    (checkout / "prefect.toml").write_text("[server.api]\nport = 'none'\n")
    (checkout / "note.sh").write_text("cat > messages\n")
    serve("--every", "10s", "--notify-command", "sh note.sh")
    wait_for(lambda: states(out) == {"street": "done", "broken": "rejected"}, "occurrences run")
    wait_for((checkout / "messages").is_file, "the command runs in the folder of the schedule")


def test_bad_input_is_one_clear_line(corrtrack, tmp_path, untrained_weights):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    add_video(corpus, "street")
    file = tmp_path / "file"
    file.write_text("of the user")
    options = ("--weights", untrained_weights)
    for arguments, message in (
        ((corpus, "--out", tmp_path / "out", "--cron", "61 * * * *"), '--cron "61 * * * *": expected five fields'),
        ((corpus, "--out", tmp_path / "out"), "expected either --cron"),
        ((corpus, "--out", tmp_path / "out", "--every", "soon"), "--every soon: expected a time"),
        ((tmp_path / "none", "--out", tmp_path / "out", "--every", "1h"), "expected a video, a folder of videos"),
        ((corpus, "--out", file, "--every", "1h"), "expected a folder, found a file"),
        ((corpus, "--out", tmp_path / "out", "--every", "1h", "--own-server"), "found none"),
    ):
        code, text = corrtrack("schedule", *arguments, *options)
        assert code == 2, text
        assert message in text
        assert len(text.strip().splitlines()) == 1, text
    code, text = corrtrack("status", tmp_path)
    assert code == 2, text
    assert "expected an out folder" in text


def test_a_server_of_the_user_that_does_not_answer_is_named(corrtrack, tmp_path, untrained_weights, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    add_video(corpus, "street")
    code, text = corrtrack(
        *("schedule", corpus, "--out", tmp_path / "out", "--every", "1h", "--own-server"),
        *("--weights", untrained_weights),
    )
    assert code == 2, text
    assert "expected an answer of the Prefect server at http://127.0.0.1:9/api" in text


def test_a_dry_run_writes_nothing_and_names_what_a_run_would_do(corrtrack, tmp_path, untrained_weights):
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.mkdir()
    add_video(corpus, "street")
    (corpus / "broken.mp4").write_bytes(b"no video at all")
    options = ("--out", out, "--weights", untrained_weights, "--dry-run")
    code, text = corrtrack("reprocess", corpus, *options)
    assert code == 0, text
    assert "street" in text
    assert "track: new" in text
    assert "leave, rejected: expected a video that decodes" in text
    assert "to track: 1 of 2 videos, 4 frames; how long that takes is known after the first run" in text
    code, text = corrtrack("reprocess", corpus, *options, "--settle", "1h")
    assert code == 0, text
    assert "nothing to track" in text
    assert not out.exists()
