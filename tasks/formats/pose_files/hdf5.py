"""Poses in HDF5, DeepLabCut's tables and SLEAP's analysis, as the csv that the same programs write.

They are read by h5py alone: pandas and PyTables would run code that a file holds as a pickle.
"""

import csv
import io
import itertools
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from tasks.errors import InputError, raise_machine_fault, require_packages

MARK: Final = b"\x89HDF"
"""The first bytes of every such file."""
_LEVELS: Final = {3: ("scorer", "bodyparts", "coords"), 4: ("scorer", "individuals", "bodyparts", "coords")}
_ANALYSIS: Final = ("tracks", "node_names", "track_names")
_EXPECTED: Final = "a table of DeepLabCut or an analysis of SLEAP, got another HDF5 file; export csv instead"


def csv_of_hdf5(path: Path) -> str:
    """The poses of a file as DeepLabCut's or SLEAP's csv.

    Raises:
        InputError: it is neither, or h5py is not installed.
        MachineError: disk, memory or a permission failed.
    """
    require_packages(f"{path}", "h5py")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            rows = _sleap_rows(file) if all(name in file for name in _ANALYSIS) else _deeplabcut_rows(file)
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            return text.getvalue()
    except (OSError, RuntimeError, KeyError, IndexError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise_machine_fault(error, file=path)
        raise InputError(f"{path}: expected {_EXPECTED} ({error})") from error


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
        yield [_text(index), *_cells(row)]


def _sleap_rows(file: Any) -> Iterable[list[Any]]:
    """Header and a row for each track in each frame that it is in."""
    nodes = [_text(name) for name in file["node_names"]]
    tracks = np.asarray(file["tracks"], dtype=np.float64)  # (tracks, 2, nodes, frames)
    if tracks.ndim != 4 or tracks.shape[1:3] != (2, len(nodes)):
        raise ValueError(f"tracks of shape {tracks.shape} for {len(nodes)} nodes")
    count, _, _, frames = tracks.shape
    scores = _scores(file, "point_scores", (count, len(nodes), frames))
    of_instances = _scores(file, "instance_scores", (count, frames))
    yield [
        "track",
        "frame_idx",
        "instance.score",
        *(f"{node}.{part}" for node in nodes for part in ("x", "y", "score")),
    ]
    for frame, track in itertools.product(range(frames), range(count)):
        xy = tracks[track, :, :, frame]
        if np.isfinite(xy).all(axis=0).any():
            points = np.column_stack([xy.T, scores[track, :, frame]])
            yield [track, frame, *_cells([of_instances[track, frame]]), *_cells(points.ravel())]


def _scores(file: Any, name: str, shape: tuple[int, ...]) -> Any:
    values = np.asarray(file[name], dtype=np.float64) if name in file else np.full(shape, np.nan)
    if values.shape != shape:
        raise ValueError(f"{name} of shape {values.shape}")
    return values


def _cells(row: Any) -> list[float | str]:
    return ["" if np.isnan(value) else float(value) for value in row]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
