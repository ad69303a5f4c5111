"""Tables between the stages: Parquet files with declared Arrow schemas."""

from tasks.tables.files import TableError, read_table, write_blocks, write_table
from tasks.tables.schemas import TABLES, Table

__all__ = ["TABLES", "Table", "TableError", "read_table", "write_blocks", "write_table"]
