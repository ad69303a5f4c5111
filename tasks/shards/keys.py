"""Keys of shards: equal exactly when code, params, weights, lock file, pictures and input rows are."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.content_key import code_key, content_key, file_digest, packages_key
from tasks.parquet import even_blocks
from tasks.shards.work import Shard, ShardWork
from tasks.tables import read_table
from tasks.tables.by_video import RowsByVideo, row_bytes
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
        return self.keys([shard])[shard]

    def keys(self, shards: Sequence[Shard]) -> dict[Shard, str]:
        """The key of each shard; a table that several have as input is read once."""
        of_file: dict[Path, list[Shard]] = defaultdict(list)
        for shard in shards:
            for _, path in shard.inputs:
                of_file[path].append(shard)
        digests = {path: _input_digests(path, readers) for path, readers in of_file.items()}
        return {
            shard: self._key(shard, {name: digests[path][shard] for name, path in shard.inputs}) for shard in shards
        }

    def _key(self, shard: Shard, inputs: Mapping[str, str | None]) -> str:
        return content_key(
            {
                "work": self.work_key,
                "shard": [shard.video_id, shard.first_frame, shard.last_frame],
                "video": row_bytes(self._videos.of(shard.video_id)),
                "frames": row_bytes(_of_shard(self._frames, shard)),
                "inputs": inputs,
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


def _input_digests(path: Path, shards: Sequence[Shard]) -> Mapping[Shard, str | None]:
    """Digest of the rows of each shard's video and frames, wherever in the file they lie; None without a file."""
    if not path.is_file():
        return dict.fromkeys(shards)
    try:
        with pq.ParquetFile(path) as file:
            if len(shards) > 1:
                tables: Iterable[RowsByVideo] = [RowsByVideo(file.read())]
            else:  # a long video, of which a part at a time is in memory
                tables = map(RowsByVideo, map(file.read_row_group, range(file.num_row_groups)))
            return {shard: _digest((_of_shard(rows, shard) for rows in tables), file.schema_arrow) for shard in shards}
    except (OSError, KeyError, TypeError, pa.ArrowException):
        # the work that reads it rejects the video with the reason
        return dict.fromkeys(shards, file_digest(path))


def _digest(blocks: Iterable[pa.Table], schema: pa.Schema) -> str:
    digest = hashlib.sha256()
    for rows in even_blocks(blocks, schema):
        digest.update(row_bytes(rows))
    return digest.hexdigest()


def _of_shard(rows: RowsByVideo, shard: Shard) -> pa.Table:
    return rows.in_frames(shard.video_id, shard.first_frame, shard.last_frame)
