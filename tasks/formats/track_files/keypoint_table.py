"""Tracks as one Parquet table: a row for each pose and keypoint, which pandas, polars, DuckDB and R read as it is."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import pyarrow as pa

from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo
from tasks.parquet import parquet_pieces

_COLUMNS: Final = (
    ("video", pa.string(), "name of the video"),
    ("frame", pa.int64(), "frame of the video, from 0"),
    ("seconds", pa.float64(), "time since the first frame; null where no frame rate is known"),
    ("track_id", pa.int64(), "identity of the person; null where nobody is in the frame"),
    ("recovered", pa.bool_(), "whether detection had missed the pose"),
    ("pose_score", pa.float64(), "mean score of the shown keypoints, 0 to 1"),
    ("keypoint", pa.string(), "name of the keypoint"),
    ("x", pa.float64(), "column in px, from 0; null where the keypoint is not shown"),
    ("y", pa.float64(), "row in px, from 0; null where the keypoint is not shown"),
    ("score", pa.float64(), "score of the keypoint, 0 to 1"),
)
_EXAMPLES: Final = {pa.string(): "", pa.int64(): 0, pa.float64(): 0.0, pa.bool_(): False}
_WHOLE: Final = {pa.int64(): "Int64", pa.bool_(): "boolean"}
"""Types of pandas that hold empty cells beside whole numbers and flags."""

_BLOCK_FRAMES: Final = 256
"""Frames whose rows are Python objects at a time."""


class KeypointTable:
    """One row for each pose and keypoint; a frame without poses has one row, so that none is missing."""

    ending = ".parquet"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; each column holds its meaning in its metadata."""
        columns = pa.schema([pa.field(name, kind, metadata={"meaning": meaning}) for name, kind, meaning in _COLUMNS])
        schema = columns.with_metadata(_pandas_metadata(columns))
        frames = frames_with_poses(video)
        blocks = iter(lambda: _block(video.video_id, islice(frames, _BLOCK_FRAMES), schema), schema.empty_table())
        yield from parquet_pieces(blocks, schema, varied=("x", "y", "score"))


def _block(video_id: str, frames: Iterable[FrameWithPoses], schema: pa.Schema) -> pa.Table:
    """Rows of some frames; as Python objects those of a long video would take much memory."""
    cells = list(zip(*(row for frame in frames for row in _rows(video_id, frame)), strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(cells, schema, strict=True)], schema=schema)


def _pandas_metadata(columns: pa.Schema) -> Any:
    """What pandas writes of the types of its columns, whichever of them are empty: of a row of examples."""
    import pandas as pd

    frame = pd.DataFrame([[_EXAMPLES[kind] for _, kind, _ in _COLUMNS]], columns=columns.names)
    frame = frame.astype({name: _WHOLE[kind] for name, kind, _ in _COLUMNS if kind in _WHOLE})
    return pa.Table.from_pandas(frame, schema=columns, preserve_index=False).schema.metadata


def _rows(video_id: str, frame: FrameWithPoses) -> Iterator[tuple[Any, ...]]:
    start = (video_id, frame.index, frame.seconds)
    for pose in frame.poses:
        facts = (pose.track_id, pose.is_recovered, pose.score)
        yield from ((*start, *facts, name, *pose.cells(index)) for index, name in KEYPOINTS)
    if not frame.poses:
        yield (*start, *[None] * (len(_COLUMNS) - len(start)))
