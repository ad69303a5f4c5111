"""What runs where the shards are: in this process, or inside a Ray actor."""

import hashlib
import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

from models.gpu_use import gpu_allowed
from tasks.determinism import give_freed_memory_back, limit_threads, make_deterministic
from tasks.errors import InputError, is_machine_wide, machine_fault
from tasks.gpus import GpuChoice
from tasks.params.run import RunParams
from tasks.progress import Progress, as_current
from tasks.shards.checkpoints import ShardCheckpoint, as_shard_checkpoint, checkpoint_folder
from tasks.shards.store import ShardStore
from tasks.shards.work import Outcome, Shard, ShardWork


class ShardWorker:
    """Does one stage's work on shard after shard, and puts the results into the store.

    Args:
        work: the stage's work, which loads its networks on the first shard.
        store: folder of the shard store.
        run: seed and threads.
        gpus: what the work may run on.
        checkpoint_frames: frames between two checkpoints of a work that keeps them.
    """

    def __init__(
        self, work: ShardWork, store: Path, run: RunParams, gpus: GpuChoice, *, checkpoint_frames: int
    ) -> None:
        limit_threads(run.threads_per_worker)
        give_freed_memory_back()
        self._gpus = gpus
        self._work, self._store, self._run = work, ShardStore(store, work.outputs), run
        self._checkpoints, self._checkpoint_frames = store, checkpoint_frames

    def run(self, shard: Shard, key: str) -> Outcome:
        """Work on the shard and store its rows under `key`; a failure is an outcome, not an exception.

        All randomness starts anew from the seed and the shard, so neither order nor worker changes a result.
        """
        name = f"{self._run.seed} {shard.video_id} {shard.first_frame}"
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        for module in getattr(self._work, "late_modules", ()):
            importlib.import_module(module)
        make_deterministic(seed, self._run.threads_per_worker)
        progress, had_torch = Progress(None, self._work.stage), "torch" in sys.modules
        folder = checkpoint_folder(self._checkpoints, key)
        checkpoint = ShardCheckpoint(folder, every_frames=self._checkpoint_frames)
        try:
            with as_current(progress), as_shard_checkpoint(checkpoint), gpu_allowed(self._gpus.per_worker > 0):
                rows = self._work(shard)
            if not had_torch and "torch" in sys.modules:
                raise ImportError(
                    "expected the work's module to import torch at its top, or late_modules to name the module that "
                    "does, so that it is seeded; it is late"
                )
            self._store.add(key, rows, _reports(progress))
        except Exception as error:
            outcome = failed(shard, error)
            if not outcome.bad_input and not outcome.machine_fault:
                checkpoint.discard()
            return outcome
        checkpoint.discard()
        return Outcome(shard)


def failed(shard: Shard, error: Exception) -> Outcome:
    """How a shard ended whose work raised an error; called while that is handled."""
    if isinstance(error, InputError):
        return Outcome(shard, str(error), traceback.format_exc(), bad_input=True)
    fault = machine_fault(error)
    return Outcome(
        shard,
        fault or _reason(error),
        traceback.format_exc(),
        machine_fault=fault is not None,
        machine_wide=is_machine_wide(error),
    )


def _reports(progress: Progress) -> dict[str, Any]:
    return {"notices": progress.notices, "rejects": progress.rejects}


def _reason(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"
