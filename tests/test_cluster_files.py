"""The files that docs/cluster.md shows: Ray's own schema accepts one, the other starts what it should, with stubs for
Slurm's and Ray's programs."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tasks.params.loading import parse_params

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/cluster"
STUB = """#!{python}
import pathlib, socket, sys, time
name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join([name, *words]) + chr(10))
if name == "scontrol":
    print("node1", "node2", "node3", sep=chr(10))
elif name == "srun" and words[-2:] == ["hostname", "--ip-address"]:
    print("127.0.0.1 10.0.0.1")
elif "--head" in words:
    port = next(word for word in words if word.startswith("--port=")).removeprefix("--port=")
    server = socket.create_server(("127.0.0.1", int(port)))
    time.sleep(60)
elif name == "srun":
    time.sleep(60)
elif {waits}:
    time.sleep(60)
else:
    deadline = time.monotonic() + 60
    while "--exclude" not in pathlib.Path({log!r}).read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    sys.exit(3)
"""


@pytest.fixture
def job(tmp_path):
    """Starts the script in a job of three nodes; gives the process and the lines on what was called."""
    log, port = tmp_path / "log", 20000 + os.getpid() % 20000

    def start(*, waits: bool = False) -> tuple[subprocess.Popen[bytes], Path, str]:
        for name in ("scontrol", "srun", "corrtrack"):
            (tmp_path / name).write_text(STUB.format(python=sys.executable, log=str(log), waits=waits))
            (tmp_path / name).chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NUM_NODES": "3"}
        environment |= {"SLURM_CPUS_PER_TASK": "8", "SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "node[1-3]"}
        environment |= {"CORRTRACK_CHECKOUT": str(ROOT), "CORRTRACK_BIN": str(tmp_path)}
        command = ["bash", FOLDER / "slurm.sh", "/data/videos", "/data/out", "--pretrained", "torchvision"]
        return subprocess.Popen(command, env=environment), log, f"127.0.0.1:{port}"

    return start


def test_the_slurm_script_starts_head_and_nodes_and_ends_with_the_runs_exit_code(job):
    process, log, address = job()
    assert process.wait(60) == 3
    lines = log.read_text().splitlines()
    [head] = [line for line in lines if "--head" in line]
    assert "--nodelist=node1" in head and "--num-cpus=8 --num-gpus=0" in head
    [others] = [line for line in lines if f"--address={address}" in line]
    assert "--exclude=node1 --nodes=2 --ntasks-per-node=1" in others
    [run] = [line for line in lines if line.startswith("corrtrack ")]
    assert run.startswith("corrtrack reprocess /data/videos --out /data/out --set compute.executor=ray ")
    assert f"--set compute.address={address} --set compute.workers=12 " in run
    assert run.endswith(" --pretrained torchvision")


def test_the_slurm_script_passes_the_signal_of_the_jobs_end_on(job):
    process, log, _ = job(waits=True)
    deadline = time.monotonic() + 60
    while not log.exists() or "corrtrack " not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM


def test_ray_accepts_the_cluster_file():
    config = yaml.safe_load((FOLDER / "ray.yaml").read_text())
    validate_config(prepare_config(config))
    assert config["max_workers"] == len(config["provider"]["worker_ips"])


def test_the_settings_that_the_page_names_are_those_of_params_yaml():
    text = (ROOT / "docs/cluster.md").read_text() + (FOLDER / "slurm.sh").read_text()
    params = parse_params((ROOT / "params.yaml").read_text(), name="params.yaml").model_dump()
    named = set(re.findall(r"\b(compute|run|report|detect)\.([a-z_]+)\b", text))
    assert ("compute", "address") in named
    assert {(section, key) for section, key in named if key not in params[section]} == set()
