"""Reading and writing a table: cast or raise, sort by key, check, write to a temporary name, rename."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import raise_machine_fault
from tasks.parquet import parquet_pieces
from tasks.tables.schemas import Table
from tasks.whole_files import whole_file

Rows: TypeAlias = pa.Table | Sequence[Mapping[str, Any]]
_BLOCK: Final = 1 << 10
"""Rows that are read at a time where a table is read in blocks."""
_READ_BYTES: Final = 1 << 16
"""Bytes of each column that are read at a time there, in place of a whole row group's."""


class TableError(ValueError):
    """Rows that do not fit their table's declaration."""


def write_table(table: Table, rows: Rows, path: Path) -> Path:
    """Write `rows` as Parquet to `path` and return it; the same rows in any order give the same bytes.

    Raises:
        TableError: a column is missing, unknown or of another type, a value is null where none may be,
            a number is not finite, or two rows share the key.
    """
    return write_blocks(table, [rows], path)


def write_blocks(table: Table, blocks: Iterable[Rows], path: Path) -> Path:
    """Write rows that come in blocks, the keys of each above those before; the bytes are those of one block.

    Little more than a row group is in memory.

    Raises:
        TableError: as `write_table`, or the keys of the blocks do not rise.
    """
    with whole_file(path) as partial, partial.open("wb") as file:
        file.writelines(parquet_pieces(_rising(table, blocks), table.schema))
    return path


def _rising(table: Table, blocks: Iterable[Rows]) -> Iterator[pa.Table]:
    """The blocks that have rows, checked; TableError where their keys do not rise."""
    last: tuple[Any, ...] | None = None
    for rows in blocks:
        block = conform(table, rows)
        if not len(block):
            continue
        first, end = (tuple(block[name][at].as_py() for name in table.key) for at in (0, -1))
        if last is not None and first <= last:
            raise TableError(f"table {table.name}: expected keys above {last} in the next block, got {first}")
        last = end
        yield block


def read_table(table: Table, path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of `path`, all columns or the named ones.

    Raises:
        TableError: the file is not there, not Parquet, or not of the declared schema.
    """
    with _opened(table, path, columns) as (file, names):
        return file.read(columns=names).select(names)


def read_blocks(table: Table, path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the rows of `path` in their order, in blocks, so that little of a large file is in memory.

    Raises:
        TableError: as `read_table`, when the first block is asked for, or a later one that is damaged.
    """
    with _opened(table, path, columns, buffer_bytes=_READ_BYTES) as (file, names):
        for group in range(file.num_row_groups):  # whose buffers would all stay if the file were read as a whole
            # one thread, since each of several would keep memory of its own
            for batch in file.iter_batches(_BLOCK, row_groups=[group], columns=names, use_threads=False):
                yield pa.Table.from_batches([batch]).select(names)


@contextmanager
def _opened(
    table: Table, path: Path, columns: Sequence[str] | None, *, buffer_bytes: int = 0
) -> Iterator[tuple[pq.ParquetFile, list[str]]]:
    """The file and the columns to read; its faults are raised as those of the table."""
    if not path.is_file():
        raise TableError(f"{path}: expected the Parquet table {table.name}, got no file; run the stage that writes it")
    try:
        # A fifth of the time of `pq.read_table`, which looks for a folder of partitions first: corpora have many files.
        with pq.ParquetFile(path, buffer_size=buffer_bytes) as file:
            _check_schema(table, path, columns, file.schema_arrow)
            yield file, list(columns or table.schema.names)
    except (OSError, pa.ArrowException) as error:
        raise_machine_fault(error, file=path)
        raise TableError(f"{path}: expected the Parquet table {table.name}, got {_first_line(error)}") from error


def _check_schema(table: Table, path: Path, columns: Sequence[str] | None, schema: pa.Schema) -> None:
    expected = pa.schema([table.schema.field(name) for name in (columns or table.schema.names)])
    here = [name for name in (columns or schema.names) if name in schema.names]
    if not pa.schema([schema.field(name) for name in here]).equals(expected):
        raise TableError(
            f"{path}: expected the columns of table {table.name} ({', '.join(expected.names)}), "
            f"got {', '.join(here)} or other types; run the stage that writes it again"
        )


def conform(table: Table, rows: Rows) -> pa.Table:
    """`rows` with the declared column order and types, sorted by key and checked (see `write_table`)."""
    cast = _cast(table, rows)
    if not cast.num_rows:
        return cast
    _check_nulls_and_finite(table, cast)
    order = pc.sort_indices(cast, sort_keys=[(name, "ascending") for name in table.key])
    cast = cast.take(order).combine_chunks()
    _check_unique(table, cast)
    return cast


def _cast(table: Table, rows: Rows) -> pa.Table:
    names = rows.schema.names if isinstance(rows, pa.Table) else list(dict.fromkeys(key for row in rows for key in row))
    if names or isinstance(rows, pa.Table):
        missing, unknown = set(table.schema.names) - set(names), set(names) - set(table.schema.names)
        if missing or unknown:
            raise TableError(
                f"table {table.name}: missing columns {sorted(missing)}, unknown columns {sorted(unknown)}"
            )
    try:
        if isinstance(rows, pa.Table):
            return rows.select(table.schema.names).cast(table.schema)
        _check_whole_numbers(table, rows)
        return pa.Table.from_pylist([dict(row) for row in rows], schema=table.schema)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise TableError(f"table {table.name}: {_first_line(error)}") from error


def _check_whole_numbers(table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse fractions in columns of whole numbers: Arrow would cut them off without a word."""
    for field in table.schema:
        is_list = pa.types.is_nested(field.type)
        if not pa.types.is_integer(field.type.value_type if is_list else field.type):
            continue
        for row in rows:
            content = row.get(field.name)
            values = (content or ()) if is_list else (content,)
            if any(value is not None and value % 1 for value in values):
                raise TableError(
                    f"table {table.name}: column {field.name}: expected whole numbers, got {row[field.name]}"
                )


def _check_nulls_and_finite(table: Table, rows: pa.Table) -> None:
    for field in table.schema:
        column = rows.column(field.name)
        if column.null_count and not field.nullable:
            raise TableError(
                f"table {table.name}: column {field.name} has {column.null_count} empty values, expected none"
            )
        values = _flat(column)
        if (
            pa.types.is_floating(values.type)
            and not np.isfinite(values.drop_null().to_numpy(zero_copy_only=False)).all()
        ):
            raise TableError(f"table {table.name}: column {field.name} holds NaN or infinity, expected finite numbers")


def _flat(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    while pa.types.is_nested(values.type):
        values = values.flatten()
    return values


def _check_unique(table: Table, rows: pa.Table) -> None:
    groups = rows.group_by(list(table.key)).aggregate([([], "count_all")])
    if groups.num_rows < rows.num_rows:
        twice = groups.filter(pc.greater(groups["count_all"], 1)).select(list(table.key)).slice(0, 1).to_pylist()[0]
        raise TableError(f"table {table.name}: two rows share the key {twice}")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
