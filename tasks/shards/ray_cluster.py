"""A Ray cluster to work on: one that runs already, or a small one of our own on loopback."""

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.params.run import RunParams

if TYPE_CHECKING:
    from tasks.params.compute import ComputeParams

ADDRESS_VARIABLE: Final = "CORRTRACK_RAY_ADDRESS"
"""Environment variable with the address of the cluster that the flow has started."""
OBJECT_STORE_BYTES: Final = 100 * 2**20
"""Enough, since only paths travel."""

Resources = Mapping[str, float]
"""What a node has, such as {"CPU": 8, "GPU": 2}."""

_PATIENCE_SECONDS: Final = 10.0
_LONGEST_TEMPORARY_FOLDER: Final = 20
"""Characters: the paths of Ray's sockets below it add 86 at most, and end at 107."""
_OFFER: ContextVar[Callable[[], str] | None] = ContextVar("ray_offer", default=None)


def short_temporary_folder() -> Path:
    """The folder for temporary files if its path is short enough for Ray's sockets, else /tmp or the like.

    Batch systems set TMPDIR to long paths.

    Raises:
        InputError: there is no such folder.
    """
    paths = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")]  # noqa: S108
    for folder in paths:
        if len(os.fsencode(folder)) <= _LONGEST_TEMPORARY_FOLDER and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise InputError(
        f"TMPDIR {paths[0]}: expected a path of at most {_LONGEST_TEMPORARY_FOLDER} characters for Ray's sockets, and "
        "the usual short ones cannot be written to; set TMPDIR to a shorter one, or compute.executor to local"
    )


@contextmanager
def ray_on_demand(start: Callable[[], str]) -> Iterator[None]:
    """Let stages inside the block take Ray from `start`, which gives its address and is called only if one needs it."""
    token = _OFFER.set(start)
    try:
        yield
    finally:
        _OFFER.reset(token)


@contextmanager
def ray_cluster(compute: "ComputeParams", run: RunParams) -> Iterator[Any]:
    """Connect to Ray and give the module `ray`; what was started here is stopped at the end, nothing else is.

    Raises:
        InputError: no cluster answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    offer = _OFFER.get()
    address = os.environ.get(ADDRESS_VARIABLE) or compute.address or (offer() if offer else None)
    if not address:  # Ray replaces a loopback address by the machine's own, unless it takes this for a lone machine
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray  # takes seconds, and local runs do without

    if ray.is_initialized():
        yield ray
        return
    temporary = None if address else tempfile.mkdtemp(prefix="ct", dir=short_temporary_folder())
    try:
        # Ray puts the current folder first in its workers' sys.path, whatever modules lie there.
        with _own_signal_handlers(), chdir(REPOSITORY):
            _connect(ray, address, temporary, cpus=compute.workers * run.threads_per_worker)
        yield ray
    finally:
        ray.shutdown()
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def _connect(ray: Any, address: str | None, temporary: str | None, *, cpus: int) -> None:
    shared = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        _make_importable()
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
            _temp_dir=temporary,
            **shared,
        )
        return
    try:
        _probe(address)
        # The cluster's processes may have been started elsewhere: they need to know where our modules are.
        ray.init(address=address, runtime_env={"env_vars": {"PYTHONPATH": _python_path()}}, **shared)
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"compute.address: expected a Ray cluster at {address}, got {first}") from error


@contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Keep this process's handlers: Ray installs two for SIGTERM, which exit or abort without any cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _probe(address: str) -> None:
    """Ask whether anybody listens at host:port, which Ray itself would wait minutes for; raises OSError."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_SECONDS).close()


def _make_importable() -> None:
    os.environ["PYTHONPATH"] = _python_path()


def _python_path() -> str:
    inherited = os.environ.get("PYTHONPATH", "")
    paths = [path for path in inherited.split(os.pathsep) if path]
    return os.pathsep.join(paths if str(REPOSITORY) in paths else [str(REPOSITORY), *paths])


def node_resources(ray: Any) -> list[Resources]:
    """Resources of each node that is alive, whoever uses them now."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def most_gpus(nodes: Sequence[Resources]) -> float:
    """GPUs of the node that has the most."""
    return max((node.get("GPU", 0.0) for node in nodes), default=0.0)


def workers_that_fit(nodes: Sequence[Resources], *, cpus: int, gpus: float) -> int:
    """How many workers can run at once; each needs its CPUs and its GPUs on one node."""
    return sum(
        min(int(node.get("CPU", 0.0)) // cpus, int(node.get("GPU", 0.0) / gpus + 1e-6) if gpus else sys.maxsize)
        for node in nodes
    )
