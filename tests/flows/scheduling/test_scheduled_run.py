"""Occurrences that do not run, and messages on those that do; those that run are in tests/end_to_end."""

import io
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from flows.reprocess_request import ReprocessRequest
from flows.runtime.exclusive_run import run_lock
from flows.runtime.repository import find_repository
from flows.scheduling.dry_run import Planned, planned, summary
from flows.scheduling.notifying import event_of, notify
from flows.scheduling.occurrences import Occurrence, last_that_ran, occurrences, record
from flows.scheduling.scheduled_run import Policy, run_occurrence
from flows.scheduling.timing import Timetable
from flows.scheduling.video_states import Keys, Seen, VideoState


@pytest.fixture
def request_of(tmp_path):
    """A request with a corpus of no video; nothing gets as far as to look at it."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "weights").mkdir()
    for name in ("pose", "correspondence"):
        (tmp_path / "weights" / f"{name}.safetensors").write_bytes(b"x")
    return ReprocessRequest(tmp_path / "corpus", tmp_path / "out", tmp_path / "weights", ())


def run(request, policy=None, **times):
    return run_occurrence(find_repository(), request, policy or Policy(), Console(file=io.StringIO()), **times)


def test_one_that_finds_another_run_at_work_is_skipped_and_recorded(request_of):
    with run_lock(request_of.out / ".corrtrack/run.lock", command="corrtrack reprocess", patience_seconds=0):
        (request_of.out / ".corrtrack-out").write_text("corrtrack out folder, version 1\n")
        skipped = run(request_of)
    assert skipped.result == "skipped"
    assert "found corrtrack reprocess (pid " in skipped.message
    assert occurrences(request_of.out) == [skipped]


def test_of_those_that_wait_the_latest_runs(request_of):
    waiting = []
    policy = Policy(overlap="queue-latest")
    with run_lock(request_of.out / ".corrtrack/run.lock", command="corrtrack reprocess", patience_seconds=0):
        (request_of.out / ".corrtrack-out").write_text("corrtrack out folder, version 1\n")
        first = threading.Thread(target=lambda: waiting.append(_from_a_thread(request_of, policy)))
        first.start()
        queue = request_of.out / ".corrtrack/queue"
        while not queue.is_file():
            pass
        queue.write_text("a later one")
        first.join(60)
    assert waiting[0].result == "skipped"
    assert "a later occurrence waits" in waiting[0].message


def _from_a_thread(request, policy):
    """Signals are handled by the main thread alone, so the occurrence gets a process of its own."""
    import subprocess

    code = (
        "import io, sys; from pathlib import Path; from rich.console import Console\n"
        "from flows.reprocess_request import ReprocessRequest; from flows.runtime.repository import find_repository\n"
        "from flows.scheduling.scheduled_run import Policy, run_occurrence\n"
        "request = ReprocessRequest(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), ())\n"
        "run_occurrence(find_repository(), request, Policy(overlap=sys.argv[4]), Console(file=io.StringIO()))\n"
    )
    paths = map(str, (request.corpus, request.out, request.weights))
    subprocess.run([sys.executable, "-c", code, *paths, policy.overlap], check=True)
    return occurrences(request.out)[-1]


def test_one_that_is_late_is_skipped_and_recorded(request_of):
    due = datetime.now(UTC) - timedelta(hours=3)
    hourly = Timetable(every_seconds=3600, anchor=due.isoformat())
    skipped = run(request_of, due=due, timetable=hourly)
    assert (skipped.result, skipped.message[-20:]) == ("skipped", "and a later one is due"[-20:])
    assert occurrences(request_of.out) == [skipped]


def test_bad_input_is_recorded_as_a_failure_and_reported(request_of, tmp_path):
    (tmp_path / "weights/correspondence.safetensors").unlink()
    said = tmp_path / "told.json"
    script = f"import sys; open({str(said)!r}, 'w').write(sys.stdin.read())"
    policy = Policy(notify_command=f'{sys.executable} -c "{script}"', notify_url="http://127.0.0.1:9/nobody")
    failed = run(request_of, policy)
    assert failed.result == "failed"
    assert "expected the weights" in failed.message
    message = json.loads(said.read_text())
    assert (message["event"], message["out"]) == ("failed", str(request_of.out))
    assert [entry.result for entry in occurrences(request_of.out)] == ["failed", "note"]
    assert "--notify-url http://127.0.0.1:9/nobody: not delivered" in occurrences(request_of.out)[1].message
    assert last_that_ran(request_of.out) == failed


@pytest.mark.parametrize(
    ("before", "now", "event"),
    [
        (None, "done", None),
        (None, "failed", "failed"),
        ("done", "done", None),
        ("done", "done with failures", "done with failures"),
        ("done with failures", "done with failures", None),
        ("done with failures", "failed", "failed"),
        ("failed", "failed", None),
        ("failed", "done", "recovered"),
        ("done with failures", "done", "recovered"),
    ],
)
def test_a_change_is_reported_once(before, now, event):
    assert event_of(Occurrence(now), None if before is None else Occurrence(before)) == event


def test_another_broken_video_is_news():
    before, now = Occurrence("done with failures", bad={"a": "r"}), Occurrence("done with failures", bad={"b": "r"})
    assert event_of(now, before) == "done with failures"


def test_a_webhook_gets_a_small_json(tmp_path):
    received = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.handle_request, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    occurrence = Occurrence("done with failures", time="now", bad={"a": "broken"})
    assert notify(tmp_path, "done with failures", occurrence, command=None, url=url) == []
    server.server_close()
    assert received[0]["videos"] == {"a": "broken"}
    assert notify(tmp_path, "failed", occurrence, command="no-such-program", url="file:///etc/passwd") != []


def test_a_damaged_line_of_the_record_is_passed_over(tmp_path):
    first = record(tmp_path, Occurrence("done"))
    with (tmp_path / ".corrtrack/occurrences.jsonl").open("a") as file:
        file.write('{"result": "do\n')
    assert occurrences(tmp_path) == [first]


def test_a_dry_run_names_each_step_and_the_time():
    keys = Keys("c", "p", "w")
    before = {
        "done": VideoState("done", "done", bytes_sha256="1", keys=keys, seconds=5.0, frames=10),
        "stale": VideoState("stale", "done", bytes_sha256="2", keys=Keys(), seconds=5.0, frames=10),
        "bad": VideoState("bad", "rejected", bytes_sha256="3", reason="recover: broken"),
        "gone": VideoState("gone", "done", bytes_sha256="4"),
    }
    seen = {name: Seen("whole", bytes_sha256=row.bytes_sha256, frames=10) for name, row in before.items()}
    seen |= {"new": Seen("whole", bytes_sha256="5", frames=30), "young": Seen("waiting", reason="changed 1 s ago")}
    del seen["gone"]
    steps = planned(seen, before, keys, attempts=3)
    assert steps == [
        Planned("bad", "leave, rejected: recover: broken", 0),
        Planned("done", "nothing: unchanged", 0),
        Planned("gone", "leave, removed: ", 0),
        Planned("new", "track: new", 30),
        Planned("stale", "track: params, weights or code changed", 10),
        Planned("young", "leave, waiting: changed 1 s ago", 0),
    ]
    assert summary(steps, before.values()).startswith("to track: 2 of 6 videos, 40 frames; about 20 s")
    assert summary([], []) == "nothing to track"


def test_the_deployment_file_names_the_flow_and_its_parameters():
    import inspect

    from ruamel.yaml import YAML

    from flows.scheduling.deployment import scheduled_reprocess

    file = find_repository().root / "prefect.yaml"
    deployment = YAML(typ="safe").load(file.read_text())["deployments"][0]
    path, _, name = deployment["entrypoint"].partition(":")
    assert (Path(path), name) == (Path("flows/scheduling/deployment.py"), "scheduled_reprocess")
    assert "concurrency_limit" not in deployment, "a killed worker would hold it for ever"
    assert set(deployment["parameters"]) <= set(inspect.signature(scheduled_reprocess.fn).parameters)
