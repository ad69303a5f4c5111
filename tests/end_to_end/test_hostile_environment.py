"""`corrtrack reprocess` in a hostile system: foreign variables, long temporary folders, signals, killed servers."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from flows.runtime.processes import RunFile
from flows.runtime.repository import Repository
from flows.runtime.servers import RayHead
from tasks.params.edit import set_value
from tasks.progress import progress_file, read_events
from tests.started_commands import started_commands

ROOT = Path(__file__).parents[2]
STOPPED = "stopped; finished work is kept, the same command continues from there"
FOREIGN = {
    "PREFECT_API_URL": "http://127.0.0.1:1/api",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:pass",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://u:p@127.0.0.1:1/prod",
    "RAY_ADDRESS": "127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "ALL_PROXY": "socks5://127.0.0.1:1",
}
"""Variables of a user's other servers, and proxies that answer nothing."""

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1800)]


@pytest.fixture
def out(checkout: Path, tmp_path: Path) -> Path:
    """The out folder of a run that starts Ray."""
    text = set_value((checkout / "params.yaml").read_text(), "compute.executor", "ray")
    (checkout / "params.yaml").write_text(set_value(text, "compute.ray_from_frames", "0"))
    return tmp_path / "out"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two videos, so that there is work for two workers."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("street", "square"):
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            for index in range(6):
                picture = np.full((64, 96, 3), 60, np.uint8)
                picture[8:56, 10 + index : 26 + index] = (200, 40, 30)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        boxes = (f"{frame},-1,{10 + frame},8,16,48,0.9\n" for frame in range(1, 7))
        (folder / f"{name}.det.txt").write_text("".join(boxes))
    return folder


@pytest.fixture
def start(checkout: Path, corpus: Path, out: Path, untrained_weights: Path):
    """Starts `corrtrack reprocess`; what still runs at the end of the test is ended."""
    with started_commands(checkout) as start_command:
        yield partial(start_command, "reprocess", corpus, "--out", out, "--weights", untrained_weights)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    text, _ = process.communicate(timeout=900)
    return process.returncode, text


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)


def servers(out: Path) -> dict[str, psutil.Process]:
    """Running servers by name."""
    records = RunFile(out / ".corrtrack" / "run.json").read()
    return {record.name: process for record in records if (process := record.process())}


def works(out: Path, stage: str) -> bool:
    """Whether the stage has begun to count its videos."""
    events, _ = read_events(progress_file(out / ".corrtrack", stage))
    return any(event["kind"] == "start" for event in events)


def has_ray_worker(out: Path) -> bool:
    """Whether an actor of the run's Ray works on a shard."""
    if (head := servers(out).get("ray")) is None:
        return False
    names = []
    for child in head.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            names.append(" ".join(child.cmdline()))
    return any("ShardWorker" in name for name in names)


def tables(out: Path) -> dict[str, bytes]:
    folder = out / "artifacts" / "tables"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")}


def ray_folder(checkout: Path, out: Path) -> Path:
    """Where Ray works for this run; other runs of the machine have theirs beside it."""
    state = out / ".corrtrack"
    return RayHead(Repository(checkout, state), RunFile(state / "run.json"), workers=1).folder


def test_a_run_is_stopped_by_each_signal_and_killed_and_ends_as_if_nothing_had_been(start, checkout, out, tmp_path):
    folder = ray_folder(checkout, out)
    first = start()
    wait_for(lambda: "prefect" in servers(out), first)
    first.send_signal(signal.SIGINT)
    code, text = ended(first)
    assert (code, text.splitlines()[-1]) == (130, STOPPED), text
    assert servers(out) == {}

    second = start()
    wait_for(lambda: works(out, "estimate") and has_ray_worker(out), second)
    ran = servers(out)
    assert folder.is_dir()
    second.send_signal(signal.SIGTERM)
    code, text = ended(second)
    assert (code, text.splitlines()[-1]) == (143, STOPPED), text
    assert not any(process.is_running() for process in ran.values())
    assert not folder.exists()

    third = start()
    wait_for(lambda: works(out, "recover") and "ray" in servers(out), third)
    third.kill()
    third.wait()
    assert folder.is_dir()

    (tmp_path / ("t" * 60)).mkdir()
    code, text = ended(start(TMPDIR=str(tmp_path / ("t" * 60)), **FOREIGN))
    assert code == 0, text
    assert "ended a process that an earlier run left running: ray" in text
    assert not folder.exists()
    assert (out / ".corrtrack" / "logs" / "stages.log").stat().st_size > 0
    finished = tables(out)

    prefect_log = out / ".corrtrack" / "logs" / "prefect.log"
    before = prefect_log.stat().st_mtime_ns
    code, text = ended(start())
    assert (code, prefect_log.stat().st_mtime_ns) == (0, before), "a run without changes starts no server"
    assert "nothing was stale" in text
    assert tables(out) == finished


def test_a_run_whose_ray_is_killed_ends_with_one_sentence_and_the_same_command_continues(start, out):
    process = start()
    wait_for(lambda: works(out, "estimate") and has_ray_worker(out), process)
    head = servers(out)["ray"]
    for member in [*head.children(recursive=True), head]:
        member.kill()
    code, text = ended(process)
    assert code == 1
    assert "Ray" in text.splitlines()[-1]
    assert "the same command continues" in text.splitlines()[-1]
    assert "Traceback" not in text
    code, text = ended(start())
    assert code == 0, text
