"""Poses in HDF5, DeepLabCut's tables and SLEAP's analysis and labels, as the csv that the same programs write.

They are read by h5py alone: pandas and PyTables would run code that a file holds as a pickle.
"""

import csv
import io
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from tasks.errors import InputError, raise_machine_fault, require_packages
from tasks.formats.pose_files.sleap_hdf5 import analysis_rows, as_text, cells, is_analysis, is_labels, labels_rows

MARK: Final = b"\x89HDF"
"""The first bytes of every such file."""
_LEVELS: Final = {3: ("scorer", "bodyparts", "coords"), 4: ("scorer", "individuals", "bodyparts", "coords")}
_EXPECTED: Final = "a table of DeepLabCut, or an analysis or labels of SLEAP, got another HDF5 file; export csv instead"


def csv_of_hdf5(path: Path) -> str:
    """The poses of a file as DeepLabCut's or SLEAP's csv.

    Raises:
        InputError: it is none of them, its labels are of several videos, or h5py is not installed.
        MachineError: disk, memory or a permission failed.
    """
    require_packages(f"{path}", "h5py")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(_rows(file, path))
            return text.getvalue()
    except (OSError, RuntimeError, KeyError, IndexError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise_machine_fault(error, file=path)
        raise InputError(f"{path}: expected {_EXPECTED} ({error})") from error


def _rows(file: Any, path: Path) -> Iterable[list[Any]]:
    if is_analysis(file):
        return analysis_rows(file)
    return labels_rows(file, name=str(path)) if is_labels(file) else _deeplabcut_rows(file)


class _NamesOnly(pickle.Unpickler):
    """Reads texts and numbers in lists and tuples, which is how column names are stored, and refuses all else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Refuse every class and function."""
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is more than a name")


def _deeplabcut_rows(file: Any) -> Iterable[list[Any]]:
    """Header and rows of the only table, such as df_with_missing."""
    groups = [group for group in file.values() if "table" in group and "non_index_axes" in group.attrs]
    if len(groups) != 1:
        raise ValueError(f"{len(groups)} tables of pandas")
    columns = _NamesOnly(io.BytesIO(bytes(groups[0].attrs["non_index_axes"]))).load()[0][1]
    table = groups[0]["table"]
    if not columns or len(columns[0]) not in _LEVELS or table.dtype.names != ("index", "values_block_0"):
        raise ValueError(f"columns {table.dtype.names}")
    values = np.asarray(table["values_block_0"], dtype=np.float64)
    if values.shape != (len(table), len(columns)):
        raise ValueError(f"{len(columns)} columns for values of shape {values.shape}")
    for level, title in enumerate(_LEVELS[len(columns[0])]):
        yield [title, *(str(column[level]) for column in columns)]
    for index, row in zip(table["index"], values, strict=True):
        yield [as_text(index), *cells(row)]
