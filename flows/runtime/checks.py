"""What a run needs, checked one by one, each with what to do about it."""

import io
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from flows.runtime.processes import RunFile
from flows.runtime.repository import Repository
from flows.runtime.run_weights import NETWORKS, STARTING_WEIGHTS
from tasks.errors import InputError
from tasks.gpus import gpus_here
from tasks.params.loading import load_params

_LOWEST_FREE_GIB: Final = 5.0
_LOWEST_MEMORY_GIB: Final = 4.0

_OF_CHECKOUTS: Final = frozenset({"dvc", "data"})
"""Checks of what an installed package does not have."""

Verdict = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """What one check found; `remedy` says what to do, and is empty where nothing need be done."""

    what: str
    verdict: Verdict
    state: str
    remedy: str = ""


def findings(repository: Repository) -> Iterator[Finding]:
    """Every check's finding, in order; a check that breaks is itself a finding."""
    every: tuple[tuple[str, Callable[[Repository], Finding]], ...] = (
        ("python", check_python),
        ("packages", check_packages),
        ("disk", check_disk),
        ("memory", check_memory),
        ("ports", check_ports),
        ("gpu", check_gpu),
        ("dvc", check_dvc),
        ("video", check_video),
        ("params", check_params),
        ("data", check_data),
        ("weights", check_weights),
        ("leftovers", check_leftovers),
    )
    checks = [(name, check) for name, check in every if not (repository.is_installed and name in _OF_CHECKOUTS)]
    with ThreadPoolExecutor(len(checks)) as pool:  # those that start a program or import much take seconds each
        for name, finding in [(name, pool.submit(check, repository)) for name, check in checks]:
            try:
                yield finding.result()
            except Exception as error:  # every check is reported
                yield Finding(name, "wrong", f"{type(error).__name__}: {error}", _set_up_anew(repository))


def check_python(repository: Repository) -> Finding:
    """Python 3.11, the only one that all locked packages support."""
    python = f"{sys.version.split()[0]} in {sys.prefix}"
    if sys.version_info[:2] == (3, 11):
        return Finding("python", "ok", python)
    return Finding("python", "wrong", f"expected 3.11, got {python}", _set_up_anew(repository))


def check_packages(repository: Repository) -> Finding:
    """Installed versions against requirements.lock, or against what an installed package requires."""
    wanted = list(_required(repository))
    other = [
        f"{name} {_installed(name) or 'missing'} ({versions})"
        for name, versions in wanted
        if not (version := _installed(name)) or not SpecifierSet(versions).contains(version, prereleases=True)
    ]
    source = "corrtrack requires" if repository.is_installed else "in requirements.lock"
    if not other:
        return Finding("packages", "ok", f"{len(wanted)}, all as {source}")
    shown = ", ".join(other[:5]) + (" ..." if len(other) > 5 else "")
    state = f"{len(other)} of {len(wanted)} not as {source}: {shown}"
    return Finding("packages", "wrong", state, _set_up_anew(repository))


def check_disk(repository: Repository) -> Finding:
    """Free space where results are written."""
    free = shutil.disk_usage(Path.cwd() if repository.is_installed else repository.root).free / 2**30
    if free >= _LOWEST_FREE_GIB:
        return Finding("disk", "ok", f"{free:.0f} GiB free")
    return Finding("disk", "wrong", f"expected {_LOWEST_FREE_GIB:.0f} GiB free, got {free:.1f}", "delete what can go")


def check_memory(_: Repository) -> Finding:
    """Memory of the machine; one process of the demo stays under 3 GiB."""
    total = psutil.virtual_memory().total / 2**30
    if total >= _LOWEST_MEMORY_GIB:
        return Finding("memory", "ok", f"{total:.0f} GiB")
    return Finding("memory", "wrong", f"expected {_LOWEST_MEMORY_GIB:.0f} GiB, got {total:.1f}", "use a larger machine")


def check_ports(_: Repository) -> Finding:
    """Whether a server can be reached on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return Finding("ports", "ok", "loopback answers, any free port will do")


def check_gpu(repository: Repository) -> Finding:
    """GPUs that torch sees, against what params.yaml asks for."""
    asked = load_params(repository.params).compute.gpus_per_worker
    try:
        choice = gpus_here(asked)
    except InputError as error:
        remedy = "corrtrack reproduce --set compute.gpus_per_worker=auto, or install a driver"
        return Finding("gpu", "wrong", str(error), remedy)
    return Finding("gpu", "ok" if choice.per_worker else "note", choice.reason)


def check_dvc(repository: Repository) -> Finding:
    """DVC starts, and this checkout is one of its repositories."""
    ran = subprocess.run(
        [sys.executable, "-m", "dvc", "root"],
        cwd=repository.root,
        env=repository.environment(),
        capture_output=True,
        text=True,
    )
    if ran.returncode == 0:
        return Finding("dvc", "ok", metadata.version("dvc"))
    return Finding("dvc", "wrong", ran.stderr.strip().splitlines()[-1], "git checkout .dvc, make setup")


def check_video(repository: Repository) -> Finding:
    """PyAV's ffmpeg writes and reads a small H.264 video."""
    import av
    import numpy as np

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as written:
        stream = written.add_stream("h264", rate=5, options={"preset": "ultrafast"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        written.mux([*stream.encode(frame), *stream.encode(None)])
    file.seek(0)
    with av.open(file) as read:
        count = sum(1 for _ in read.decode(video=0))
    if count != 1:
        state = f"expected to decode 1 frame of H.264, got {count}"
        return Finding("video", "wrong", state, _set_up_anew(repository))
    return Finding("video", "ok", f"H.264 through PyAV {av.__version__}")


def check_params(repository: Repository) -> Finding:
    """params.yaml is whole and in range."""
    try:
        load_params(repository.params)
    except InputError as error:
        return Finding("params", "wrong", str(error), "correct that key, or corrtrack reproduce --profile demo")
    return Finding("params", "ok", "every key of params.yaml fits")


def check_data(repository: Repository) -> Finding:
    """Whether there is a corpus; a demo corpus can always be made."""
    data = repository.workspace.data
    parts = sorted(path.name for path in data.iterdir()) if data.is_dir() else []
    if parts:
        return Finding("data", "ok", ", ".join(parts[:5]) + (", ..." if len(parts) > 5 else ""))
    return Finding(
        "data", "note", "no data/ yet", "make demo synthesises a small corpus; the README says how to use yours"
    )


def check_weights(repository: Repository) -> Finding:
    """Weight files that can be opened."""
    from safetensors import SafetensorError, safe_open

    folder = STARTING_WEIGHTS if repository.is_installed else repository.workspace.models
    files = {name: folder / f"{name}.safetensors" for name in NETWORKS}
    missing = [name for name, path in files.items() if not path.is_file()]
    for name in set(files) - set(missing):
        try:
            with safe_open(files[name], framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            return Finding("weights", "wrong", f"{files[name]}: {error}", "delete it and run corrtrack reproduce")
    if missing:
        remedy = (
            "make demo trains them; corrtrack import-weights takes released ones; until then reprocess takes those "
        )
        return Finding("weights", "note", f"not trained yet: {', '.join(missing)}", remedy + "of models/weights")
    origin = ": the starting weights, trained on drawn persons only" if repository.is_installed else ""
    return Finding("weights", "ok", ", ".join(files) + origin)


def check_leftovers(repository: Repository) -> Finding:
    """Processes that a run has left, or that a run has now."""
    run_file = RunFile(repository.state / "run.json")
    alive = [record for record in run_file.read() if record.process() is not None]
    if not alive:
        return Finding("leftovers", "ok", "no process of an earlier run")
    names = ", ".join(f"{record.name} (pid {record.pid})" for record in alive)
    return Finding("leftovers", "note", f"{names} run", "a run is going on, or the next one will end them")


def _required(repository: Repository) -> Iterator[tuple[str, str]]:
    """Name and versions of every package that is needed on this system."""
    if repository.is_installed:
        lines = metadata.requires("corrtrack") or []
    else:
        lock = (repository.root / "requirements.lock").read_text(encoding="utf-8").splitlines()
        lines = [line.rstrip("\\ ") for line in lock if line[:1].isalnum()]
    for wanted in map(Requirement, lines):
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            yield wanted.name, str(wanted.specifier)


def _set_up_anew(repository: Repository) -> str:
    if repository.is_installed:
        return "install corrtrack into an empty environment of Python 3.11"
    return "rm -r .venv, make setup, then use .venv/bin/corrtrack"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
