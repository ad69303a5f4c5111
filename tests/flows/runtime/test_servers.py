"""A Ray head node on loopback alone, on free ports, gone with all its processes."""

import subprocess
import sys
import threading

import psutil
import pytest

from flows.runtime.processes import RunFile, StoppedError
from flows.runtime.run_servers import needs_ray
from flows.runtime.servers import PrefectServer, RayHead, Server, ServerError, free_port
from tasks.params.loading import load_params, parse_params

pytestmark = pytest.mark.end_to_end

USE = """
import ray, sys
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
print(ray.get(ray.remote(lambda: 6 * 7).remote()))
"""


def test_a_ray_node_serves_on_loopback_and_stops_with_its_processes(checkout):
    run_file = RunFile(checkout.state / "run.json")
    head = RayHead(checkout, run_file, workers=2)
    head.start()
    try:
        head.wait()
        members = psutil.Process(run_file.read()[0].pid).children(recursive=True)
        assert len(members) >= 3
        places = {
            connection.laddr.ip
            for member in members
            for connection in member.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert places <= {"127.0.0.1", "::ffff:127.0.0.1"}
        environment = checkout.environment() | head.client_environment()
        address = environment["CORRTRACK_RAY_ADDRESS"]
        ran = subprocess.run([sys.executable, "-c", USE, address], env=environment, capture_output=True, text=True)
        assert ran.stdout == "42\n", ran.stderr
        environment["RAY_AUTH_TOKEN"] = "0" * 64
        stranger = subprocess.run([sys.executable, "-c", USE, address], env=environment, capture_output=True, text=True)
        assert "AuthenticationError" in stranger.stderr
    finally:
        head.stop()
    assert not [member for member in members if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]
    assert not run_file.path.exists()


def test_a_server_that_ends_at_once_names_its_log(checkout, monkeypatch):
    server = PrefectServer(checkout, RunFile(checkout.state / "run.json"))
    monkeypatch.setattr(server, "_command", lambda: [sys.executable, "-c", "raise SystemExit('no room')"])
    server.start()
    with pytest.raises(ServerError, match=r"prefect ended while starting; see .*prefect\.log"):
        server.wait(seconds=60)
    server.stop()
    assert "no room" in server.log.read_text()


def test_a_server_is_not_waited_for_by_a_run_that_stops(checkout):
    server = PrefectServer(checkout, RunFile(checkout.state / "run.json"))
    stopping = threading.Event()
    server.start()
    try:
        stopping.set()
        with pytest.raises(StoppedError, match="prefect"):
            server.wait(seconds=60, stopping=stopping)
    finally:
        server.stop()


@pytest.mark.parametrize("part", ["_command", "_environment", "_answers"])
def test_a_server_without_a_part_cannot_be_made(checkout, part):
    parts = {name: lambda *_: None for name in ("_command", "_environment", "_answers") if name != part}
    with pytest.raises(TypeError, match=part):
        type("HalfServer", (Server,), {"name": "half", **parts})(checkout, RunFile(checkout.state / "run.json"))


def test_free_ports_are_free_and_differ():
    assert len({free_port() for _ in range(5)}) > 1


@pytest.mark.parametrize(
    ("stage", "change", "needed"),
    [
        ("estimate", "", True),
        ("track", "", False),
        ("detect", "", False),
        ("estimate", "executor: ray>executor: local", False),
        ("estimate", "address: null>address: 127.0.0.1:6379", False),
        ("pretrain", "", False),
        ("pretrain", "micro_batches: 1>micro_batches: 2,workers: 1>workers: 2", True),
    ],
)
def test_only_some_stages_need_ray(checkout, stage, change, needed):
    text = checkout.params.read_text()
    load_params(checkout.params)
    for old, new in (pair.split(">") for pair in change.split(",") if pair):
        text = text.replace(old, new, 1)
    assert needs_ray(stage, parse_params(text, name="params.yaml")) is needed
