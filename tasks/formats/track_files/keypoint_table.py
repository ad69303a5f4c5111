"""Tracks as one Parquet table: a row for each pose and keypoint, which pandas, polars, DuckDB and R read as it is."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo

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
_WHOLE: Final = {pa.int64(): "Int64", pa.bool_(): "boolean"}
"""Types of pandas that hold empty cells beside whole numbers and flags."""


class KeypointTable:
    """One row for each pose and keypoint; a frame without poses has one row, so that none is missing."""

    ending = ".parquet"

    def content(self, video: TrackedVideo) -> bytes:
        """See `TrackFormat`; each column holds its meaning in its metadata."""
        import pandas as pd

        names = [name for name, _, _ in _COLUMNS]
        rows = [row for frame in frames_with_poses(video) for row in _rows(video.video_id, frame)]
        frame = pd.DataFrame(rows, columns=names).astype({name: _WHOLE[k] for name, k, _ in _COLUMNS if k in _WHOLE})
        schema = pa.schema([pa.field(name, kind, metadata={"meaning": meaning}) for name, kind, meaning in _COLUMNS])
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), sink, compression="zstd")
        return bytes(sink.getvalue().to_pybytes())


def _rows(video_id: str, frame: FrameWithPoses) -> Iterator[tuple[Any, ...]]:
    start = (video_id, frame.index, frame.seconds)
    for pose in frame.poses:
        facts = (pose.track_id, pose.is_recovered, pose.score)
        yield from ((*start, *facts, name, *pose.cells(index)) for index, name in KEYPOINTS)
    if not frame.poses:
        yield (*start, *[None] * (len(_COLUMNS) - len(start)))
