"""The run's own servers: on loopback alone, private, gone with all their processes."""

import socket
import subprocess
import sys
import threading

import psutil
import pytest

from flows.runtime.outcomes import StoppedError
from flows.runtime.prefect_server import PrefectServer
from flows.runtime.processes import RunFile
from flows.runtime.repository import Repository
from flows.runtime.run_servers import needs_ray
from flows.runtime.servers import RayHead, ServerError, free_port
from tasks.params.loading import load_params, parse_params

pytestmark = pytest.mark.end_to_end

USE = """
import ray, sys
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
print(ray.get(ray.remote(lambda: 6 * 7).remote()))
"""
FOREIGN = {
    "PREFECT_SERVER_API_AUTH_STRING": "admin:pass",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://u:p@127.0.0.1:1/prod",
    "http_proxy": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "ALL_PROXY": "socks5://127.0.0.1:1",
}
"""Variables of a user's other servers, and proxies that answer nothing."""


def prefect_server(checkout) -> PrefectServer:
    return PrefectServer(checkout, RunFile(checkout.state / "run.json"))


@pytest.mark.parametrize("temporary", ["", "a" * 60], ids=["short TMPDIR", "long TMPDIR"])
def test_a_ray_node_serves_on_loopback_and_stops_with_its_processes(checkout, tmp_path, monkeypatch, temporary):
    if temporary:
        (tmp_path / temporary).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / temporary))
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / temporary))
    run_file = RunFile(checkout.state / "run.json")
    head = RayHead(checkout, run_file, workers=2)
    head.start()
    try:
        head.wait()
        members = psutil.Process(run_file.read()[0].pid).children(recursive=True)
        assert len(members) >= 3
        addresses = {
            connection.laddr.ip
            for member in members
            for connection in member.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}
        environment = checkout.environment() | head.client_environment()
        address = environment["CORRTRACK_RAY_ADDRESS"]
        ran = subprocess.run([sys.executable, "-c", USE, address], env=environment, capture_output=True, text=True)
        assert ran.stdout == "42\n", ran.stderr
        environment["RAY_AUTH_TOKEN"] = "0" * 64
        other_user = subprocess.run(
            [sys.executable, "-c", USE, address], env=environment, capture_output=True, text=True
        )
        assert "AuthenticationError" in other_user.stderr
    finally:
        head.stop()
    assert not [member for member in members if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]
    assert not run_file.path.exists()


def test_a_ray_node_that_ends_while_starting_is_started_once_more(checkout, monkeypatch):
    run_file = RunFile(checkout.state / "run.json")
    head = RayHead(checkout, run_file, workers=1)
    ends, real = [sys.executable, "-c", "raise SystemExit('timed out during startup')"], head._command()
    commands = iter([ends, real, ends, ends])
    monkeypatch.setattr(head, "_command", lambda: next(commands))
    head.start()
    try:
        head.wait()
        assert head.client_environment()["CORRTRACK_RAY_ADDRESS"].startswith("127.0.0.1:")
        assert [record.pid for record in run_file.read()] == [head.pid]
        head.stop()
        head.start()
        with pytest.raises(ServerError, match=r"ray ended while starting; see .*ray\.log"):
            head.wait()
    finally:
        head.stop()


def test_a_prefect_server_is_private_and_a_run_beside_it_has_another_data_base(checkout, monkeypatch):
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    (checkout.root / ".env").write_text("PREFECT_SERVER_API_PORT=none\n")
    first, second = prefect_server(checkout), prefect_server(checkout)
    first.start()
    try:
        first.wait()
        assert (checkout.state / "prefect" / "prefect.db").stat().st_size > 0
        assert (first.home.name, second.home.name) == ("prefect", "prefect-2")
    finally:
        first.stop()
        second.stop()
    assert prefect_server(checkout).home == checkout.state / "prefect"


def test_runs_of_external_corpora_share_the_data_base_of_the_checkout(checkout, tmp_path):
    external = Repository(checkout.root, own_state=tmp_path / "out" / ".corrtrack")
    assert prefect_server(external).home == checkout.root / ".corrtrack" / "prefect"


def test_a_server_that_ends_at_once_names_its_log(checkout, monkeypatch):
    server = prefect_server(checkout)
    monkeypatch.setattr(server, "_command", lambda: [sys.executable, "-c", "raise SystemExit('no room')"])
    server.start()
    with pytest.raises(ServerError, match=r"prefect ended while starting; see .*prefect\.log"):
        server.wait(seconds=60)
    server.stop()
    assert "no room" in server.log.read_text()


def test_a_server_that_ends_on_a_full_disk_names_the_disk_and_the_space_it_needs(checkout, monkeypatch):
    server = prefect_server(checkout)
    monkeypatch.setattr(server, "_command", lambda: [sys.executable, "-c", "raise SystemExit(1)"])
    server.needed_bytes = psutil.disk_usage(str(checkout.root)).free * 2
    server.start()
    room = rf"expected at least {server.needed_bytes >> 20} MiB free on the disk of {server.home}, found \d+; make room"
    with pytest.raises(ServerError, match=room):
        server.wait(seconds=60)
    server.stop()


def test_a_server_is_not_waited_for_by_a_run_that_stops(checkout):
    server = prefect_server(checkout)
    stopping = threading.Event()
    server.start()
    try:
        stopping.set()
        with pytest.raises(StoppedError, match="prefect"):
            server.wait(seconds=60, stopping=stopping)
    finally:
        server.stop()


def test_a_free_port_can_be_listened_on_and_is_not_given_while_it_is():
    listeners = [socket.create_server(("127.0.0.1", free_port())) for _ in range(20)]
    try:
        taken = {listener.getsockname()[1] for listener in listeners}
        assert len(taken) == 20
        assert not taken & {free_port() for _ in range(20)}
    finally:
        for listener in listeners:
            listener.close()


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
