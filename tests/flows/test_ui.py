"""The kept history in Prefect's pages: `corrtrack ui` on the real server."""

import json
import re
import shutil
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from flows.runtime.history import address_of, homes
from flows.ui import serve_history
from tasks.errors import InputError
from tasks.out_folder import claim_out_folder

pytestmark = pytest.mark.end_to_end


def asked(url: str, path: str, **body: Any) -> Any:
    request = urllib.request.Request(
        f"{url}/api/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


def address(process) -> str:
    """The line with the address, which appears once the server answers."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found_address := re.match(r"(http://127\.0\.0\.1:\d+)", line):
            return found_address[1]
    pytest.fail(f"it ended without an address: {lines}")


def test_runs_stages_logs_and_artifacts_stay_readable_and_later_runs_join_them(checkout, corrtrack):
    (checkout.root / "reports").mkdir()
    scores = {"tracking": {"mAP": 50.25, "MOTA": None, "id_switches": 3}}
    (checkout.root / "reports/metrics.json").write_text(json.dumps(scores))
    run = corrtrack("reproduce")
    text, _ = run.communicate()
    assert run.returncode == 0, text
    page = corrtrack("ui")
    url = address(page)

    with urllib.request.urlopen(url, timeout=20) as reply:
        assert b"<html" in reply.read().lower()
    [flow_run] = asked(url, "flow_runs/filter")
    assert flow_run["name"].startswith("reproduce of checkout ")
    assert flow_run["state"]["type"] == "COMPLETED"
    tasks = asked(url, "task_runs/filter")
    assert {task["name"].rpartition("-")[0] for task in tasks} == {"index", "pretrain", "recover", "track"}
    logs = asked(url, "logs/filter", logs={"flow_run_id": {"any_": [flow_run["id"]]}})
    assert {"corrtrack.index", "corrtrack.track"} <= {log["name"] for log in logs}
    artifacts = {artifact["key"]: artifact["data"] for artifact in asked(url, "artifacts/filter")}
    assert json.loads(artifacts["reproduce-metrics"]) == [
        {"tracks": "tracking", "mAP": "50.2", "MOTA": "undefined", "id_switches": "3"}
    ]
    assert len(json.loads(artifacts["reproduce-stages"])) == 4

    listening = {
        connection.laddr.ip
        for process in [psutil.Process(page.pid), *psutil.Process(page.pid).children(recursive=True)]
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}

    (checkout.root / "data/text").write_text("changed\n")
    again = corrtrack("reproduce")
    text, _ = again.communicate()
    assert again.returncode == 0, text
    assert f"Prefect shows this run at {url}" in text
    assert len(asked(url, "flow_runs/filter")) == 2
    assert not homes(checkout)[1].exists(), "no second history was begun"
    other = corrtrack("ui")
    text, _ = other.communicate()
    assert (other.returncode, f"served already, by a run or another `corrtrack ui`: {url}" in text) == (0, True)

    page.send_signal(signal.SIGINT)
    assert page.wait(timeout=60) == 130
    assert address_of(homes(checkout)[0]) is None
    home = homes(checkout)[0]
    out = claim_out_folder(checkout.root.parent / "out")
    shutil.copytree(home, out / ".corrtrack/schedule/prefect")
    before = stamp_of(out / ".corrtrack/schedule/prefect/prefect.db")
    console = Console(record=True, width=200)
    serve_history(checkout, out, console, seconds=1.0)
    assert f"history of {out / '.corrtrack/schedule/prefect'}" in console.export_text()
    assert stamp_of(out / ".corrtrack/schedule/prefect/prefect.db") == before, "a copy is shown"


def stamp_of(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns


def test_a_port_in_use_is_refused_at_once(checkout):
    home = homes(checkout)[0]
    home.mkdir(parents=True)
    (home / "prefect.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(InputError, match=r"--port .* in use"):
        serve_history(checkout, None, Console(), port=other.getsockname()[1])


def test_without_a_history_it_names_what_makes_one(checkout, tmp_path):
    with pytest.raises(InputError, match="this checkout: expected the history of a run, found none"):
        serve_history(checkout, None, Console())
    with pytest.raises(InputError, match=f"{tmp_path}: expected the history of a run"):
        serve_history(checkout, tmp_path, Console())
