"""Keys of shards: equal exactly when code, params, weights, lock file, pictures and input rows are."""

import hashlib
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.content_key import code_key, content_key, file_digest, packages_key
from tasks.shards.work import Shard, ShardWork
from tasks.tables import read_table
from tasks.tables.by_video import RowsByVideo, row_bytes
from tasks.tables.files import even_blocks
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
        return content_key(
            {
                "work": self.work_key,
                "shard": [shard.video_id, shard.first_frame, shard.last_frame],
                "video": row_bytes(_in_range(self._videos.of(shard.video_id), shard)),
                "frames": row_bytes(_in_range(self._frames.of(shard.video_id), shard)),
                "inputs": {name: _input_digest(path, shard) for name, path in shard.inputs},
            }
        )

    def rows_of(self, video_id: str) -> list[bytes]:
        """What the index holds of a video."""
        return [row_bytes(table.of(video_id)) for table in (self._videos, self._frames)]

    @cached_property
    def work_key(self) -> str:
        """What all shards of the stage have in common: code, packages, and the parts that the work names."""
        stage = self._work.stage
        code = code_key(f"tasks.{stage}", type(self._work).__module__)
        return content_key({"stage": stage, "code": code, "packages": packages_key(), "parts": self._work.key_parts()})

    @cached_property
    def _videos(self) -> RowsByVideo:
        return RowsByVideo(read_table(VIDEOS, VIDEOS.path(self._tables)))

    @cached_property
    def _frames(self) -> RowsByVideo:
        return RowsByVideo(read_table(FRAMES, FRAMES.path(self._tables)))


def _input_digest(path: Path, shard: Shard) -> str | None:
    """Digest of the rows of the shard's video and frames, wherever in the file they lie; None without a file."""
    if not path.is_file():
        return None
    try:
        digest = hashlib.sha256()
        with pq.ParquetFile(path) as file:
            groups = (_of_shard(file.read_row_group(at), shard) for at in range(file.num_row_groups))
            for rows in even_blocks(groups, file.schema_arrow):
                digest.update(row_bytes(rows))
        return digest.hexdigest()
    except (OSError, pa.ArrowException):
        return file_digest(path)  # a damaged table: the work that reads it rejects the video with the reason


def _of_shard(rows: pa.Table, shard: Shard) -> pa.Table:
    if "video_id" in rows.schema.names:
        rows = rows.filter(pc.equal(rows["video_id"], shard.video_id))
    return _in_range(rows, shard)


def _in_range(rows: pa.Table, shard: Shard) -> pa.Table:
    """The rows of the shard's frames, where the table has them."""
    if "frame_index" not in rows.schema.names:
        return rows
    frames = rows["frame_index"]
    return rows.filter(pc.and_(pc.greater_equal(frames, shard.first_frame), pc.less(frames, shard.last_frame)))
