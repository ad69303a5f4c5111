"""Table columns as NumPy arrays and back, without a Python object per number."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.tables.schemas import Table

Column: TypeAlias = npt.NDArray[Any] | Sequence[Any] | pa.ChunkedArray


def list_array(table: pa.Table, name: str) -> npt.NDArray[Any]:
    """A fixed-size list column, such as the 17 x, as an array (rows, length) that may be written to."""
    column = table.column(name).combine_chunks()
    return np.array(column.flatten()).reshape(len(column), column.type.list_size)


def keypoint_array(table: pa.Table, x: str = "x", y: str = "y") -> npt.NDArray[Any]:
    """Two keypoint columns as one array (rows,17,2) of x, y."""
    return np.stack([list_array(table, x), list_array(table, y)], axis=-1)


def table_of(table: Table, columns: Mapping[str, Column]) -> pa.Table:
    """Rows in the schema of `table` from arrays: (rows,) for plain columns, (rows,length) for fixed-size lists.

    A column of another table is taken as it is.
    """
    arrays = [_arrow(columns[field.name], field.type) for field in table.schema]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def _arrow(values: Column, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks().cast(kind)
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, type=kind)
    flat = np.ascontiguousarray(values, dtype=kind.value_type.to_pandas_dtype()).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, type=kind.value_type), kind.list_size).cast(kind)
