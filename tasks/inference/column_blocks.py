"""Rows of a table that come in blocks of arrays."""

from typing import Any

import numpy as np
import pyarrow as pa

from tasks.tables import Table
from tasks.tables.arrays import Column, table_of


class ColumnBlocks:
    """Collects blocks of rows, column by column, and joins them once at the end."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._columns: dict[str, list[Any]] = {name: [] for name in table.schema.names}

    def add(self, rows: int, **columns: Column | str | int) -> None:
        """Add `rows` rows; a plain number or text stands in each of them."""
        for name, parts in self._columns.items():
            value = columns[name]
            parts.append([value] * rows if isinstance(value, str | int) else value)

    def joined(self) -> pa.Table:
        """All rows so far in the table's schema."""
        blocks = {name: _join(parts) for name, parts in self._columns.items()}
        return table_of(self._table, blocks)


def _join(parts: list[Column]) -> Column:
    if all(isinstance(part, list) for part in parts):
        return [value for part in parts for value in part]
    return np.concatenate([np.asarray(part) for part in parts])
