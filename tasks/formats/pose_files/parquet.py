"""Our own tables poses, tracks and merged_tracks, or any Parquet file with their columns, of one video."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.arrays import FloatArray
from models.keypoints import KEYPOINT_COUNT
from tasks.errors import raise_machine_fault
from tasks.formats.errors import FieldError
from tasks.formats.pose_files.records import FrameRecord, Person
from tasks.formats.pose_files.values import box_of_sides

_COLUMNS: Final = ("x", "y", "score")
_OWN_SOURCE: Final = "detected"


def frames(path: Path) -> Iterator[FrameRecord]:
    """Rows by frame_index, dropped ones left out; of several box sources those of the detected boxes."""
    rows = _read(path)
    names = rows.schema.names
    if "drop_reason" in names:
        rows = rows.filter(pc.field("drop_reason").is_null())
    if "box_source" in names and len(set(rows["box_source"].to_pylist())) > 1:
        rows = rows.filter(pc.field("box_source") == _OWN_SOURCE)
    if "video_id" in names and len(videos := set(rows["video_id"].to_pylist())) > 1:
        raise FieldError("video_id", "poses of one video", sorted(map(str, videos)))
    frame_index = np.asarray(rows["frame_index"].to_pylist(), dtype=np.int64)
    values = np.stack([_lists(rows[name]) for name in _COLUMNS], axis=-1)
    scores = rows["pose_score"].to_pylist() if "pose_score" in names else [None] * len(rows)
    boxes = rows["box_xywh"].to_pylist() if "box_xywh" in names else [None] * len(rows)
    for index in np.unique(frame_index):
        here = np.flatnonzero(frame_index == index)
        yield FrameRecord(
            int(index), [(values[row], scores[row], box_of_sides(boxes[row])) for row in here], is_index=True
        )


def person(record: Any) -> Person:
    """Keypoints (17,3) in PoseTrack's order."""
    return Person(*record)


def _lists(column: pa.ChunkedArray) -> FloatArray:
    """A column of fixed-size lists as (rows,17)."""
    flat = np.array(column.combine_chunks().flatten(), dtype=np.float64)
    return flat.reshape(len(column), KEYPOINT_COUNT)


def _read(path: Path) -> pa.Table:
    try:
        rows = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise_machine_fault(error, file=path)
        raise FieldError("file", "a Parquet table", str(error).splitlines()[0] if str(error) else "none") from error
    for name in ("frame_index", *_COLUMNS):
        if name not in rows.schema.names:
            raise FieldError("columns", f"frame_index and lists x, y and score of {KEYPOINT_COUNT}", rows.schema.names)
        kind, column = rows.schema.field(name).type, rows[name]
        is_list = pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)
        fits = is_list and kind.list_size == KEYPOINT_COUNT if name != "frame_index" else pa.types.is_integer(kind)
        if not fits or column.null_count:
            raise FieldError(name, f"lists of {KEYPOINT_COUNT} numbers" if name in _COLUMNS else "numbers", str(kind))
    return rows
