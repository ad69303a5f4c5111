"""Checkpoints within a long shard: what it has reached, so that a killed worker loses minutes and not hours.

A checkpoint is a folder of tables, written part by part, and a manifest with the digest of each; the manifest comes
last, so what it names is whole. A damaged checkpoint is thrown away, and the shard begins anew.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tasks.content_key import file_digest
from tasks.tables import Table, TableError, read_table, write_table
from tasks.whole_files import write_whole

_LOG: Final = logging.getLogger(__name__)
_MANIFEST: Final = "reached.json"
_KEPT_SECONDS: Final = 30 * 86400.0


@dataclass(frozen=True)
class Reached:
    """Where a shard continues."""

    position: Mapping[str, Any]
    """What `save` was called with."""
    rows: Mapping[str, pa.Table]
    """Rows saved so far, by table name."""


class ShardCheckpoint:
    """The checkpoint of one shard.

    Args:
        folder: where it lies, of this shard alone; None keeps nothing.
        tables: tables that the shard gives rows of.
        every_frames: frames between two checkpoints.
    """

    def __init__(self, folder: Path | None, tables: Sequence[Table], *, every_frames: int) -> None:
        self._folder, self._tables = folder, {table.name: table for table in tables}
        self._every_frames = every_frames
        self._parts: dict[str, list[dict[str, str]]] = {name: [] for name in self._tables}
        self._count = 0

    def is_due(self, frames: int) -> bool:
        """Whether to save after so many frames of the shard."""
        return self._folder is not None and frames > 0 and frames % self._every_frames == 0

    def load(self) -> Reached | None:
        """What an earlier worker saved; None where there is nothing, or nothing whole."""
        if self._folder is None or not self._folder.is_dir():
            return None
        try:
            manifest = json.loads((self._folder / _MANIFEST).read_text(encoding="utf-8"))
            rows = {name: self._read(table, manifest["parts"][name]) for name, table in self._tables.items()}
            self._parts, self._count = manifest["parts"], int(manifest["count"])
            return Reached(dict(manifest["position"]), rows)
        except FileNotFoundError:
            pass  # killed before the first manifest
        except (ValueError, KeyError, TypeError, TableError) as error:
            _LOG.warning("checkpoint %s is damaged (%s); the shard begins anew", self._folder.name[:12], error)
        self.discard()
        return None

    def save(
        self, position: Mapping[str, Any], *, added: Mapping[str, pa.Table], replaced: Mapping[str, pa.Table]
    ) -> None:
        """Keep the position, the rows added since the last checkpoint, and all rows of tables that change.

        Args:
            position: where to continue, as JSON values.
            added: rows by table name, which go behind those saved before.
            replaced: rows by table name, in the stead of those saved before.
        """
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        old = [part["file"] for name in replaced for part in self._parts[name]]
        parts = {name: [*self._parts[name], self._write(name, rows)] for name, rows in added.items()}
        parts |= {name: [self._write(name, rows)] for name, rows in replaced.items()}
        self._parts |= parts
        manifest = {"position": dict(position), "parts": self._parts, "count": self._count}
        write_whole(self._folder / _MANIFEST, json.dumps(manifest))
        for name in old:
            (self._folder / name).unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete it: the shard ended, or begins anew."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, name: str, rows: pa.Table) -> dict[str, str]:
        assert self._folder is not None  # noqa: S101 - `save` has checked
        path = write_table(self._tables[name], rows, self._folder / f"{name}_{self._count:06}.parquet")
        return {"file": path.name, "sha256": file_digest(path)}

    def _read(self, table: Table, parts: Sequence[Mapping[str, str]]) -> pa.Table:
        assert self._folder is not None  # noqa: S101 - `load` has checked
        read = [table.schema.empty_table()]
        for part in parts:
            path = self._folder / Path(part["file"]).name
            if file_digest(path) != part["sha256"]:
                raise ValueError(f"{path.name}: expected SHA-256 {part['sha256'][:12]}, got other bytes")
            read.append(read_table(table, path))
        return pa.concat_tables(read)


_CURRENT: ContextVar[ShardCheckpoint | None] = ContextVar("shard_checkpoint", default=None)


def shard_checkpoint() -> ShardCheckpoint:
    """The checkpoint of the shard at work; outside a worker it keeps nothing."""
    return _CURRENT.get() or ShardCheckpoint(None, (), every_frames=1)


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
