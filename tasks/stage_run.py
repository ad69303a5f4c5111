"""Running one stage, whoever asks for it: DVC, `corrtrack reprocess` or a trend run."""

import importlib
from functools import partial
from typing import TYPE_CHECKING

from models.gpu_use import gpu_allowed
from tasks.determinism import give_freed_memory_back, limit_threads, make_deterministic
from tasks.lasting_imports import lasting_imports
from tasks.provenance import recorded
from tasks.run_digests import run_digests
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def run_stage(stage: str, workspace: Workspace, params: "Params") -> None:
    """Run `stage` with seeds, threads, progress and provenance."""
    limit_threads(params.run.threads_per_worker)  # before the stage's module loads numeric libraries
    give_freed_memory_back()
    with lasting_imports():
        module = importlib.import_module(f"tasks.{stage}")
    make_deterministic(params.run.seed, params.run.threads_per_worker)
    digests = partial(run_digests, workspace, params)
    with recorded(stage, workspace, digests), gpu_allowed(params.compute.gpus_per_worker != 0):
        module.run(workspace, params)
