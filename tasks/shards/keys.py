"""Keys of shards: equal exactly when code, params, weights, lock file, pictures and input rows are."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.provenance import versions
from tasks.shards.work import Shard, ShardWork
from tasks.stages import REPOSITORY, module_files
from tasks.tables import read_table
from tasks.tables.schemas import FRAMES, VIDEOS


class ShardKeys:
    """Computes the keys of one stage's shards; reads what they share once.

    Args:
        work: the stage's work.
        tables: folder of the tables, where the index is read.
    """

    def __init__(self, work: ShardWork, tables: Path) -> None:
        self._work, self._tables = work, tables

    def key(self, shard: Shard) -> str:
        """SHA-256 as hex over everything the shard's result depends on."""
        parts = {
            "work": self._work_digest,
            "shard": [shard.video_id, shard.first_frame, shard.last_frame],
            "video": _digest(_of_shard(self._videos, shard)),
            "frames": _digest(_of_shard(self._frames, shard)),
            "inputs": {name: _input_digest(path, shard) for name, path in shard.inputs},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _work_digest(self) -> str:
        parts: dict[str, str | bytes] = {"stage": self._work.stage, "lock": _lock()}
        parts |= {f"part {name}": value for name, value in self._work.key_parts().items()}
        files = module_files(f"tasks.{self._work.stage}") | module_files(type(self._work).__module__)
        parts |= {f"module {name}": (REPOSITORY / name).read_bytes() for name in files}
        digest = hashlib.sha256()
        for name in sorted(parts):
            value = parts[name]
            data = value if isinstance(value, bytes) else value.encode()
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()

    @cached_property
    def _videos(self) -> pa.Table:
        return read_table(VIDEOS, VIDEOS.path(self._tables))

    @cached_property
    def _frames(self) -> pa.Table:
        return read_table(FRAMES, FRAMES.path(self._tables))


def _lock() -> bytes:
    """The lock file, or the installed versions where the code runs without it."""
    lock = REPOSITORY / "requirements.lock"
    return lock.read_bytes() if lock.is_file() else json.dumps(versions(), sort_keys=True).encode()


def _input_digest(path: Path, shard: Shard) -> str:
    return _digest(_of_shard(pq.read_table(path, partitioning=None), shard)) if path.is_file() else "absent"


def _of_shard(rows: pa.Table, shard: Shard) -> pa.Table:
    """The rows that belong to the shard, by its video and frame range where the table has these columns."""
    names: Any = rows.schema.names
    if "video_id" in names:
        rows = rows.filter(pc.field("video_id") == shard.video_id)
    if "frame_index" in names:
        in_range = (pc.field("frame_index") >= shard.first_frame) & (pc.field("frame_index") < shard.last_frame)
        rows = rows.filter(in_range)
    return rows


def _digest(rows: pa.Table) -> str:
    written = pa.BufferOutputStream()
    with pa.ipc.new_stream(written, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    return hashlib.sha256(written.getvalue()).hexdigest()
