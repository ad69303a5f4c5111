"""Ray nodes as processes of this machine, for tests of clusters."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import ray
from ray.cluster_utils import Cluster

from tasks.code_files import REPOSITORY

_STORE_BYTES: Final = 80 << 20


@contextmanager
def cluster_without_cpus() -> Iterator[Cluster]:
    """A head node without any CPU: work waits for other nodes."""
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    config = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 0, "object_store_memory": _STORE_BYTES, "include_dashboard": False, "_system_config": config}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def add_node(cluster: Cluster, *, cpus: int = 1, **arguments: Any) -> Any:
    """A node that joins."""
    return cluster.add_node(num_cpus=cpus, object_store_memory=_STORE_BYTES, **arguments)
