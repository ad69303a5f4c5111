"""Checkpoints of a training: written whole or not at all, verified when read, and found by what they depend on."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

from tasks.content_key import file_digest
from tasks.whole_files import whole_file, write_whole

_KEPT = 2
_DIGEST_LENGTH = 16


Row: TypeAlias = dict[str, float | str]
"""A row of a table, by column."""


@dataclass(frozen=True)
class FinalResults:
    """What is measured once, after training: metrics by name, and tables by name as rows of columns."""

    metrics: dict[str, float] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """A finished training: its weight file, the metrics of each epoch, and the final results."""

    weights: Path
    history: list[dict[str, float]]
    results: FinalResults


class CheckpointStore:
    """The folder of one training. A file name contains the digest of the file: `epoch_0003_step_000120-<digest>.pt`."""

    def __init__(self, folder: Path, notice: Callable[[str], None]) -> None:
        self.folder = folder
        self._notice = notice

    @property
    def weights(self) -> Path:
        """Path of the final weights."""
        return self.folder / "final.safetensors"

    def save(self, state: Mapping[str, Any], *, epoch: int, step: int) -> Path:
        """Write the state after `step` steps of `epoch`, of tensors and plain values; only the last two are kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".checkpoint.{os.getpid()}.partial"
        try:
            with partial.open("wb") as file:
                torch.save(dict(state), file)
                file.flush()
                os.fsync(file.fileno())
            path = self.folder / f"epoch_{epoch:04d}_step_{step:06d}-{file_digest(partial)[:_DIGEST_LENGTH]}.pt"
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        for old in self.checkpoints()[_KEPT:]:
            old.unlink(missing_ok=True)
        return path

    def checkpoints(self) -> list[Path]:
        """Checkpoint files, the latest first."""
        return sorted(self.folder.glob("epoch_*_step_*-*.pt"), reverse=True)

    def load(self) -> dict[str, Any] | None:
        """The latest intact state, or None. A damaged file is skipped with a notice.

        Partial files of a killed process are deleted.
        """
        for partial in self.folder.glob(".*.partial"):
            partial.unlink(missing_ok=True)
        for path in self.checkpoints():
            try:
                return _read(path)
            except Exception as error:  # whatever a damaged file makes the reader raise
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                self._notice(f"checkpoint {path.name} is damaged ({reason}): continuing from the one before it")
        return None

    def finish(self, history: list[dict[str, float]], results: FinalResults) -> Finished:
        """Mark the training as finished, once its final weights are in place; the last checkpoints are kept."""
        record = {"sha256": file_digest(self.weights), "history": history, **asdict(results)}
        write_whole(self.folder / "final.json", json.dumps(record, indent=1) + "\n")
        return Finished(self.weights, history, results)

    def finished(self) -> Finished | None:
        """The finished training if its weights are intact, or None; damaged weights are reported by a notice."""
        try:
            record = json.loads((self.folder / "final.json").read_text())
            intact = record["sha256"] == file_digest(self.weights)
            finished = Finished(self.weights, record["history"], FinalResults(record["metrics"], record["tables"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError):
            intact = False
        if intact:
            return finished
        self._notice(
            f"the finished weights in {self.folder.name[:12]} are damaged: training continues from a checkpoint"
        )
        return None


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that the target appears whole or not at all."""
    with whole_file(target) as partial:
        shutil.copyfile(source, partial)


def _read(path: Path) -> dict[str, Any]:
    expected, digest = path.stem.rsplit("-", 1)[1], file_digest(path)[:_DIGEST_LENGTH]
    if expected != digest:
        raise ValueError(f"expected content of digest {expected}, found {digest}")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
