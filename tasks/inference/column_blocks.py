"""Rows of a table that come in blocks of arrays."""

import pyarrow as pa

from tasks.tables import Table
from tasks.tables.arrays import Column, table_of


class ColumnBlocks:
    """Collects blocks of rows, each at once in the table's own types, so that a long video stays small in memory."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._blocks = [table.schema.empty_table()]

    def add(self, rows: int, **columns: Column | str | int) -> None:
        """Add `rows` rows; a plain number or text stands in each of them."""
        whole = {name: [value] * rows if isinstance(value, str | int) else value for name, value in columns.items()}
        self._blocks.append(table_of(self._table, whole))

    def joined(self) -> pa.Table:
        """All rows so far."""
        return pa.concat_tables(self._blocks)
