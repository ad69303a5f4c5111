"""From a job to a stage's files: find the finished training, or train, alone or by Ray Train; then publish."""

import csv
import io
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tasks.content_key import code_key, content_key
from tasks.determinism import make_deterministic
from tasks.errors import InputError
from tasks.progress import Progress, current
from tasks.training.checkpoint import CheckpointStore, Finished, copy_whole
from tasks.training.job import Figures, Job
from tasks.training.loop import Training
from tasks.training.parallel import Alone
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_NOT_IN_THE_KEY = {"workers", "checkpoint_seconds"}
"""What changes no result beyond the last bits: a training may go on with other workers."""


class StageJob(Job):
    """A job that can also write its weights and tell what they depend on."""

    data_digests: Mapping[str, str]
    """Of the persons, pictures and weights it reads."""

    @abstractmethod
    def save(self, network: nn.Module, path: Path) -> None:
        """Write the final weights."""

    def final_figures(self, network: nn.Module) -> Figures:
        """Figures that are measured once, after training."""
        return {}

    @property
    def key_parts(self) -> dict[str, Any]:
        """What decides the final weights."""
        numbers = {k: v for k, v in self.section.model_dump(mode="json").items() if k not in _NOT_IN_THE_KEY}
        return {"params": numbers, "seed": self.seed, "data": dict(self.data_digests), "format": 1}


def run_job(job: StageJob, workspace: Workspace, params: "Params", *, weights: str) -> None:
    """Train and write `weights` and the curves; a training that was interrupted or is finished is found again.

    Raises:
        InputError: the section's numbers do not fit together.
        TrainingError: the training cannot go on.
    """
    section, progress = job.section, current()
    if section.micro_batches % section.workers:
        raise InputError(
            f"params.yaml: {job.stage}.workers must divide {job.stage}.micro_batches = {section.micro_batches}, "
            f"got {section.workers}"
        )
    make_deterministic(job.seed, section.threads)
    store = CheckpointStore(_folder(job, workspace), progress.notice)
    _note_code(store.folder, job.stage, progress, root=workspace.state.parent)
    ended = store.finished() or _train(job, store, workspace, params)
    copy_whole(ended.weights, workspace.weights(weights))
    write_curves(ended.history, curves_path(workspace, job.stage))
    last = ended.history[-1] if ended.history else {}
    progress.summary(**last, **ended.figures)


def curves_path(workspace: Workspace, stage: str) -> Path:
    """Table of the loss, the rate and the validation figures by epoch, a DVC plot."""
    return workspace.artifacts / "plots" / f"{stage}.csv"


def write_curves(history: list[dict[str, float]], path: Path) -> None:
    """Write one line per epoch; equal histories give equal bytes."""
    names = list(dict.fromkeys(["epoch", "loss", "rate", *(name for row in history for name in row)]))
    text = io.StringIO()
    table = csv.DictWriter(text, names, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in history)
    write_whole(path, text.getvalue())


def device_of(params: "Params") -> str:
    """Where a worker trains: on its GPU if it was given one."""
    return "cuda" if params.compute.gpus_per_worker and torch.cuda.is_available() else "cpu"


def _train(job: StageJob, store: CheckpointStore, workspace: Workspace, params: "Params") -> Finished:
    if job.section.workers > 1:
        from tasks.training.workers import train_with_ray  # Ray costs seconds to import, and most trainings need none

        train_with_ray(job, store.folder, workspace, params)
        ended = store.finished()
        if ended is None:
            raise RuntimeError(f"{job.stage}: the workers ended without weights in {store.folder}")
        return ended
    training = Training(job, store=store, group=Alone(), device=device_of(params), progress=current())
    return conclude(job, training, store)


def conclude(job: StageJob, training: Training, store: CheckpointStore) -> Finished:
    """Train to the end and keep the final weights beside the checkpoints."""
    network = training.run().cpu()
    job.save(network, store.weights)
    with torch.inference_mode():
        figures = job.final_figures(network)
    return store.finish(training.history, figures)


def _folder(job: StageJob, workspace: Workspace) -> Path:
    return workspace.state / "checkpoints" / job.stage / content_key(job.key_parts)


def _note_code(folder: Path, stage: str, progress: Progress, *, root: Path) -> None:
    """Warn when checkpoints were begun by other code; they are kept: most changes do not touch the maths.

    Their folder is named relative to `root`, so that the notice is the same on every machine.
    """
    key = code_key(f"tasks.{stage}")
    path = folder / "code.txt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(key + "\n")
    elif path.read_text().strip() != key:
        progress.notice(
            f"{stage}: the code has changed since this training began; its checkpoints and weights are used as they "
            f"are. Delete {folder.relative_to(root)} to train anew"
        )
