"""A Ray cluster to work on: one that runs already, or a small one of our own on loopback."""

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tasks.errors import InputError
from tasks.params.run import ComputeParams, RunParams
from tasks.stages import REPOSITORY

ADDRESS_VARIABLE: Final = "CORRTRACK_RAY_ADDRESS"
"""Environment variable with the address of the cluster that the flow has started."""
OBJECT_STORE_BYTES: Final = 100 * 2**20
"""Enough, since only paths travel."""

_PATIENCE_SECONDS: Final = 10.0


@contextmanager
def ray_cluster(compute: ComputeParams, run: RunParams) -> Iterator[Any]:
    """Connect to Ray and give the module `ray`; what was started here is stopped at the end, nothing else is.

    Raises:
        InputError: no cluster answers at the address, or it lacks the GPUs that are asked for.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    address = os.environ.get(ADDRESS_VARIABLE) or compute.address
    if not address:  # Ray replaces a loopback address by the machine's own, unless it takes this for a lone machine
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray  # takes seconds, and local runs do without

    if ray.is_initialized():
        _check_gpus(ray, compute)
        yield ray
        return
    temporary = None if address else tempfile.mkdtemp(prefix="ct")
    try:
        _connect(ray, address, temporary, cpus=compute.workers * run.threads_per_worker)
        _check_gpus(ray, compute)
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
        # The cluster's processes may have been started elsewhere: they are told where our modules lie.
        ray.init(address=address, runtime_env={"env_vars": {"PYTHONPATH": _python_path()}}, **shared)
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"compute.address: expected a Ray cluster at {address}, got {first}") from error


def _probe(address: str) -> None:
    """Ask whether anybody listens at host:port, which Ray itself would wait minutes for; raises OSError."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_SECONDS).close()


def _make_importable() -> None:
    os.environ["PYTHONPATH"] = _python_path()


def _python_path() -> str:
    given = os.environ.get("PYTHONPATH", "")
    paths = [path for path in given.split(os.pathsep) if path]
    return os.pathsep.join(paths if str(REPOSITORY) in paths else [str(REPOSITORY), *paths])


def _check_gpus(ray: Any, compute: ComputeParams) -> None:
    there = ray.cluster_resources().get("GPU", 0)
    if compute.gpus_per_worker > there:
        asked = compute.gpus_per_worker
        raise InputError(f"compute.gpus_per_worker: expected at most {there:g}, all that Ray has, got {asked:g}")
