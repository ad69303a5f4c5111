"""How rows lie in Parquet files: in row groups of one size, without dictionaries of lists."""

import io
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP: Final = 1 << 13
"""Rows of a row group, which is in memory as a whole where it is written."""


def parquet_pieces(blocks: Iterable[pa.Table], schema: pa.Schema, *, varied: Collection[str] = ()) -> Iterator[bytes]:
    """Yield a Parquet file of rows that come in blocks; the same rows in any blocks give the same bytes.

    A row group is in memory at a time. Lists, those of keypoints above all, have no dictionary: their numbers hardly
    ever repeat, so dictionaries took more memory than the rows, and made the file larger.

    Args:
        blocks: the rows.
        schema: their columns.
        varied: plain columns whose values hardly ever repeat either.
    """
    repeating = [field.name for field in schema if not pa.types.is_nested(field.type) and field.name not in varied]
    written = io.BytesIO()
    with pq.ParquetWriter(written, schema, compression="zstd", use_dictionary=repeating) as writer:
        for group in even_blocks(blocks, schema):
            pa.default_memory_pool().release_unused()  # what was read for these rows
            writer.write_table(group)
            yield _taken(written)
    yield _taken(written)


def even_blocks(blocks: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in blocks of one size, the last may be smaller; a single empty one where there are none."""
    waiting, is_first = schema.empty_table(), True
    for block in blocks:
        waiting = pa.concat_tables([waiting, block])
        while len(waiting) >= ROW_GROUP:
            group, waiting, is_first = waiting.slice(0, ROW_GROUP).combine_chunks(), waiting.slice(ROW_GROUP), False
            yield group
    if len(waiting) or is_first:
        waiting = waiting.combine_chunks()  # the blocks leave the memory before the group is written
        yield waiting


def _taken(written: io.BytesIO) -> bytes:
    """What was written since the last call; the writer counts by itself how far it is."""
    piece = written.getvalue()
    written.seek(0)
    written.truncate()
    return piece
