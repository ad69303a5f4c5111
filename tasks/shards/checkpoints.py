"""Checkpoints within a long shard: what it has reached, so that a killed worker loses minutes and not hours.

A checkpoint is a folder of tables, written part by part, and a manifest with the digest of each; the manifest comes
last, so what it names is whole. A damaged checkpoint is thrown away, and the shard begins anew.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tasks.content_key import file_digest
from tasks.tables import Table, read_table, write_table
from tasks.whole_files import write_whole

_LOG: Final = logging.getLogger(__name__)
_MANIFEST: Final = "reached.json"
_KEPT_SECONDS: Final = 30 * 86400.0


class ShardCheckpoint:
    """The checkpoint of one shard: a position, and parts of tables that need not stay in memory.

    Args:
        folder: where it lies, of this shard alone; None keeps nothing.
        every_frames: frames between two checkpoints.
    """

    def __init__(self, folder: Path | None, *, every_frames: int) -> None:
        self._folder, self._every_frames = folder, every_frames
        self._parts: dict[str, list[dict[str, str]]] = {}
        self._count = 0

    def is_due(self, frames: int) -> bool:
        """Whether to save after so many frames of the shard."""
        return self._folder is not None and frames > 0 and frames % self._every_frames == 0

    def load(self) -> Mapping[str, Any] | None:
        """The position that an earlier worker saved, whose parts are there; None where nothing whole is."""
        if self._folder is None or not self._folder.is_dir():
            return None
        try:
            manifest = json.loads((self._folder / _MANIFEST).read_text(encoding="utf-8"))
            for part in (part for parts in manifest["parts"].values() for part in parts):
                if file_digest(self._file(part)) != part["sha256"]:
                    raise ValueError(f"{part['file']}: expected SHA-256 {part['sha256'][:12]}, got other bytes")
            self._parts, self._count = manifest["parts"], int(manifest["count"])
            return dict(manifest["position"])
        except FileNotFoundError:
            pass  # killed before the first manifest
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _LOG.warning("checkpoint %s is damaged (%s); the shard begins anew", self._folder.name[:12], error)
        self.discard()
        return None

    def save(self, position: Mapping[str, Any], parts: Mapping[str, tuple[Table, pa.Table]]) -> None:
        """Keep the position, as JSON values, and a further part of each series by name: its table and its rows."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        for series, (table, rows) in parts.items():
            path = write_table(table, rows, self._folder / f"{series}_{self._count:06}.parquet")
            self._parts.setdefault(series, []).append({"file": path.name, "sha256": file_digest(path)})
        manifest = {"position": dict(position), "parts": self._parts, "count": self._count}
        write_whole(self._folder / _MANIFEST, json.dumps(manifest))

    def parts(self, series: str, table: Table, *, last_first: bool = False) -> Iterator[pa.Table]:
        """The parts of a series in the order in which they were saved, or the other way round, one in memory."""
        files = self._parts.get(series, [])
        return (read_table(table, self._file(part)) for part in (files[::-1] if last_first else files))

    def discard(self) -> None:
        """Delete it: the shard ended, or begins anew."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._parts = {}

    def _file(self, part: Mapping[str, str]) -> Path:
        assert self._folder is not None  # noqa: S101 - parts lie in it
        return self._folder / Path(part["file"]).name


_CURRENT: ContextVar[ShardCheckpoint | None] = ContextVar("shard_checkpoint", default=None)


def shard_checkpoint() -> ShardCheckpoint:
    """The checkpoint of the shard at work; outside a worker it keeps nothing."""
    return _CURRENT.get() or ShardCheckpoint(None, every_frames=1)


@contextmanager
def as_shard_checkpoint(checkpoint: ShardCheckpoint) -> Iterator[None]:
    """Make it that of the shard at work inside the with block."""
    token = _CURRENT.set(checkpoint)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def checkpoint_folder(store: Path, key: str) -> Path:
    """Where the checkpoint of the shard with this key lies: beside the shard store."""
    return _root(store) / key


def remove_old_checkpoints(store: Path) -> None:
    """Delete checkpoints that nobody went on from for a month: their params or their video changed."""
    for folder in _root(store).glob("*"):
        if folder.is_dir() and time.time() - folder.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _root(store: Path) -> Path:
    return store.with_name(f"{store.name}_unfinished")
