"""Rows that are gathered video by video: kept as columns, since millions of Python objects take GiB."""

from collections.abc import Iterator, MutableMapping, Sequence

import pyarrow as pa

from tasks.formats.corpus_part import Row, RowsInColumns
from tasks.parquet import even_blocks
from tasks.tables.arrays import table_of
from tasks.tables.files import conform
from tasks.tables.schemas import Table


class ColumnsByVideo(MutableMapping[str, Sequence[Row]]):
    """The rows of each video by video_id; a dict of lists of rows in all but its memory.

    Args:
        table: what the rows are of; its key begins with the video.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._columns: dict[str, pa.Table] = {}

    def __setitem__(self, video_id: str, rows: Sequence[Row]) -> None:
        """Set all rows of a video; TableError where they do not fit the table.

        Rows that lie in columns are in the order of the table, and are checked when they are written.
        """
        if isinstance(rows, RowsInColumns):
            self._columns[video_id] = table_of(self._table, rows.columns)
        else:
            self._columns[video_id] = conform(self._table, rows)

    def __getitem__(self, video_id: str) -> list[Row]:
        """The rows in the order of the table."""
        rows: list[Row] = self._columns[video_id].to_pylist()
        return rows

    def __delitem__(self, video_id: str) -> None:
        del self._columns[video_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """Number of videos."""
        return len(self._columns)

    @property
    def row_count(self) -> int:
        """Number of rows of all videos."""
        return sum(map(len, self._columns.values()))

    def blocks(self) -> Iterator[pa.Table]:
        """All rows in the order of the table, in blocks as `write_blocks` takes them."""
        videos = (self._columns[video_id] for video_id in sorted(self._columns))
        return even_blocks(videos, self._table.schema)  # a check of each video's few rows would take longer
