"""Rows of one video: out of a table of all videos, or of its own table in the order of the frames."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import IntArray
from tasks.tables.files import read_blocks
from tasks.tables.schemas import Table


class RowsByVideo:
    """The rows of a table by video, in the order of the table.

    Args:
        rows: of any videos; sorted once where the rows of a video do not follow each other.
    """

    def __init__(self, rows: pa.Table) -> None:
        runs = _runs(rows)
        if len(set(runs.values.to_pylist())) < len(runs.values):
            rows = rows.take(pc.sort_indices(rows["video_id"]))  # stable
            runs = _runs(rows)
        self._rows = rows.combine_chunks()
        ends = runs.run_ends.to_pylist()
        self._ranges = dict(zip(runs.values.to_pylist(), zip([0, *ends], ends, strict=False), strict=True))
        self._in_order: tuple[str, IntArray, IntArray] | None = None

    @property
    def video_ids(self) -> list[str]:
        """Videos that have rows."""
        return list(self._ranges)

    def of(self, video_id: str) -> pa.Table:
        """Rows of the video, none where it has none; they share memory with the whole table."""
        first, end = self._ranges.get(video_id, (0, 0))
        return self._rows.slice(first, end - first)

    def in_frames(self, video_id: str, first: int, end: int) -> pa.Table:
        """Rows of the video from frame `first` to before `end`, in the order of the table.

        The frames are sorted once for as long as the same video is asked for.
        """
        rows = self.of(video_id)
        if self._in_order is None or self._in_order[0] != video_id:
            frames = rows["frame_index"].to_numpy()
            order = np.argsort(frames, kind="stable")
            self._in_order = video_id, order, frames[order]
        _, order, frames = self._in_order
        begin, stop = np.searchsorted(frames, [first, end])
        return rows.take(np.sort(order[begin:stop]))

    def count(self, video_id: str) -> int:
        """Number of the video's rows."""
        first, end = self._ranges.get(video_id, (0, 0))
        return int(end - first)


class RowsInOrder:
    """Rows of one box source, asked for by rising frames; those that were given are kept no more.

    Args:
        table: a table of one file per video, whose key goes on with a frame after the box source.
        path: its file.
        columns: columns to read, the frame among them.
        box_source: detected or annotated.

    Raises:
        TableError: at a question, as `read_table`.
    """

    def __init__(self, table: Table, path: Path, columns: Sequence[str], box_source: str) -> None:
        self._frame = table.key[2]
        self._blocks = (
            rows.filter(pc.equal(rows["box_source"], box_source)).drop_columns("box_source")
            for rows in read_blocks(table, path, ["box_source", *columns])
        )
        self._rows = pa.schema([table.schema.field(name) for name in columns]).empty_table()

    def before(self, frame_index: int) -> pa.Table:
        """Return the rows of frames before `frame_index` that were not given yet."""
        parts = []
        while True:
            end = int(self._rows[self._frame].to_numpy().searchsorted(frame_index))
            parts.append(self._rows.slice(0, end))
            self._rows = self._rows.slice(end)
            if len(self._rows) or (rows := next(self._blocks, None)) is None:
                return pa.concat_tables(parts)
            self._rows = rows

    def windows(self, frames: int) -> Iterator[pa.Table]:
        """Yield all rows, those of so many frames at a time."""
        end = frames
        yield self.before(end)
        while len(self._rows):
            end += frames
            yield self.before(end)


def box_sources(table: Table, path: Path) -> list[str]:
    """Box sources that have rows in a file of one video, ascending; raises TableError as `read_table`."""
    return sorted({source for rows in read_blocks(table, path, ["box_source"]) for source in _values(rows)})


def _values(rows: pa.Table) -> list[str]:
    values: list[str] = pc.unique(rows["box_source"]).to_pylist()
    return values


def row_bytes(rows: pa.Table) -> bytes:
    """The rows as bytes, equal where the rows are; of a copy, so that no bytes of other rows are among them."""
    written = pa.BufferOutputStream()
    with pa.ipc.new_stream(written, rows.schema) as stream:
        stream.write_table(rows.take(np.arange(len(rows))).combine_chunks())
    return bytes(written.getvalue())


def _runs(rows: pa.Table) -> pa.RunEndEncodedArray:
    return pc.run_end_encode(rows["video_id"].combine_chunks(), run_end_type=pa.int64())
