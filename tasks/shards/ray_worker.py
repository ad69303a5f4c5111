"""The worker as a Ray actor: it names its node, and obeys a limit of its memory."""

import resource
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ray

from tasks.errors import memory_fault
from tasks.gpus import GpuChoice
from tasks.params.run import RunParams
from tasks.shards.work import Outcome, Shard, ShardWork
from tasks.shards.worker import ShardWorker

if TYPE_CHECKING:
    from tasks.params.compute import ComputeParams


class RayShardWorker(ShardWorker):
    """A `ShardWorker` in a process of its own; its networks are loaded once, with its first shard."""

    def __init__(self, work: ShardWork, store: Path, run: RunParams, gpus: GpuChoice, compute: "ComputeParams") -> None:
        super().__init__(work, store, run, gpus, checkpoint_frames=compute.checkpoint_frames)
        self._memory_gib = compute.memory_gib_per_worker
        if self._memory_gib is not None:
            limit = int(self._memory_gib * 2**30)
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    def node(self) -> str:
        """Id of the node that it runs on; answered as soon as it has started."""
        return str(ray.get_runtime_context().get_node_id())

    def run(self, shard: Shard, key: str) -> Outcome:
        """Work on the shard; names the limit where memory ran out within it."""
        outcome = super().run(shard, key)
        if self._memory_gib is None or outcome.failure != memory_fault():
            return outcome
        reason = (
            f"video {shard.video_id}: the worker reached compute.memory_gib_per_worker {self._memory_gib:g}; raise it, "
            "or cut the video, and run the same command again: finished work is kept"
        )
        return replace(outcome, failure=reason)
