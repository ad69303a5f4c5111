"""From a training job to the files of a stage: find the finished training or train, then write weights and curves."""

import csv
import io
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tasks.content_key import code_key, content_key
from tasks.determinism import make_deterministic
from tasks.errors import InputError
from tasks.gpus import gpus_here
from tasks.progress import Progress, current
from tasks.training.checkpoint import CheckpointStore, Finished, copy_whole
from tasks.training.job import TrainingJob
from tasks.training.loop import Training, train_to_end
from tasks.training.parallel import SingleProcess
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_LOG: Final = logging.getLogger(__name__)


def run_job(job: TrainingJob, workspace: Workspace, params: "Params", *, weights: str) -> None:
    """Train and write `weights` and the curves; an interrupted training is continued, a finished one is used as it is.

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
    finished = store.finished() or _train(job, store, workspace, params)
    copy_whole(finished.weights, workspace.weights(weights))
    write_curves(finished.history, curves_path(workspace, job.stage))
    for name, rows in finished.results.tables.items():
        write_rows(list(rows[0]), rows, curves_path(workspace, name))
    last = finished.history[-1] if finished.history else {}
    progress.summary(**last, **finished.results.metrics)


def curves_path(workspace: Workspace, name: str) -> Path:
    """Table of the loss, the rate and the validation metrics of a stage by epoch, or of results; a DVC plot."""
    return workspace.artifacts / "plots" / f"{name}.csv"


def write_curves(history: list[dict[str, float]], path: Path) -> None:
    """Write one line per epoch; equal histories give equal bytes."""
    names = list(dict.fromkeys(["epoch", "loss", "rate", *(name for row in history for name in row)]))
    write_rows(names, history, path)


def write_rows(names: list[str], rows: Sequence[Mapping[str, float | str]], path: Path) -> None:
    """Write rows as CSV; a number that is absent or NaN leaves its field empty."""
    text = io.StringIO()
    table = csv.DictWriter(text, names, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows({name: _field(value) for name, value in row.items()} for row in rows)
    write_whole(path, text.getvalue())


def _field(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"


def _train(job: TrainingJob, store: CheckpointStore, workspace: Workspace, params: "Params") -> Finished:
    if job.section.workers > 1:
        from tasks.training.workers import train_with_ray  # Ray costs seconds to import, and most trainings need none

        train_with_ray(job, store.folder, workspace, params)
        finished = store.finished()
        if finished is None:
            raise RuntimeError(f"{job.stage}: the workers ended without weights in {store.folder}")
        return finished
    choice = gpus_here(params.compute.gpus_per_worker)
    _LOG.info("%s: trains on: %s", job.stage, choice.reason)
    training = Training(job, store=store, group=SingleProcess(), device=choice.device, progress=current())
    return train_to_end(job, training, store)


def _folder(job: TrainingJob, workspace: Workspace) -> Path:
    return workspace.state / "checkpoints" / job.stage / content_key(job.key_parts)


def _note_code(folder: Path, stage: str, progress: Progress, *, root: Path) -> None:
    """Warn when the checkpoints come from other code; they are kept, since most changes do not affect the result.

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
            f"are. To train again, delete {folder.relative_to(root)}"
        )
