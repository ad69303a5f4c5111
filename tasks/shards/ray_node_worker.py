"""The Ray actor on a node that does not share the driver's disk: all that it reads and gives goes by network."""

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tasks.gpus import GpuChoice
from tasks.params.run import RunParams
from tasks.shards.checkpoints import remove_old_checkpoints
from tasks.shards.node_cache import NodeCache
from tasks.shards.node_inputs import NODE, SentFile, SentVideo
from tasks.shards.ray_worker import RayShardWorker
from tasks.shards.store_upkeep import clear
from tasks.shards.work import Outcome, Shard, ShardWork
from tasks.shards.worker import failed

if TYPE_CHECKING:
    from tasks.params.compute import ComputeParams

_KEPT_DAYS: Final = 1.0
"""What killed workers left in the node's store stays so long, in case that others are at it."""


class NodeShardWorker(RayShardWorker):
    """A `RayShardWorker` whose current folder holds the inputs of the shard at work, as links into the node's cache.

    Finished shards lie in a store of the node until they are sent; checkpoints stay there, for the node's workers.
    """

    def __init__(self, work: ShardWork, run: RunParams, gpus: GpuChoice, compute: "ComputeParams") -> None:
        max_gib = compute.node_cache_max_gib
        self._cache = NodeCache(compute.node_cache, None if max_gib is None else max_gib * 2**30)
        self._life = ExitStack()
        super().__init__(work, self._cache.folder / "store", run, gpus, compute)

    def run_on_node(self, shard: Shard, files: Sequence[SentFile], video: SentVideo, key: str) -> Outcome:
        """Work on the shard once this node has what it reads; gives the files of its entry to store."""
        with ExitStack() as held:
            try:
                self._lay(files, video, held)
                outcome = self.run(shard, key)
                return outcome if outcome.failure else replace(outcome, files=self._store.take_out(key))
            except Exception as error:
                outcome = failed(shard, error)
                where = f"node {os.uname().nodename}: " if outcome.bad_input or outcome.machine_fault else ""
                return replace(outcome, failure=f"{where}{outcome.failure}")

    def _lay(self, files: Sequence[SentFile], video: SentVideo, held: ExitStack) -> None:
        """Link what the shard reads into the current folder; it stays in the node's cache for as long as `held`."""
        for path in self._folder.iterdir():
            path.unlink() if path.is_symlink() else shutil.rmtree(path)
        for file in files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.symlink_to(held.enter_context(self._cache.hold(file)) / file.key)
        NODE.data.symlink_to(held.enter_context(self._cache.hold(video)))

    @cached_property
    def _folder(self) -> Path:
        """The current folder, of this worker alone from the first shard on."""
        self._cache.open()
        store = self._cache.folder / "store"
        remove_old_checkpoints(store)
        clear(store, keep_days=_KEPT_DAYS)
        folder = self._life.enter_context(self._cache.worker_folder())
        os.chdir(folder)
        return folder
