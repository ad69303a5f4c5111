"""Tracks out of the tables, with the frames that the video's annotation file lists."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.keypoints import BODY
from tasks.formats.fields import Record
from tasks.formats.posetrack_files import listed_images
from tasks.formats.tracked_video import TrackedVideo, TrackedWindow
from tasks.tables import Table, read_table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.by_video import RowsByVideo, RowsInOrder
from tasks.tables.schemas import FRAMES, VIDEOS
from tasks.workspace import Workspace

_COLUMNS: Final = ("frame_index", "track_id", "origin", "x", "y", "score")
_WINDOW_FRAMES: Final = 256
"""Frames whose rows are in memory at a time."""


class TrackedVideos:
    """The tracks of the videos of the index.

    Args:
        workspace: where the tables and the annotation files lie.
        box_source: detected or annotated, whose tracks are taken.
        keypoint_threshold: keypoints with a lower score are not shown.
    """

    def __init__(self, workspace: Workspace, *, box_source: str, keypoint_threshold: float) -> None:
        self._workspace, self._box_source, self._threshold = workspace, box_source, keypoint_threshold
        columns = ["video_id", "frame_index", "image_id", "file_name", "path", "seconds"]
        self._frames = RowsByVideo(read_table(FRAMES, FRAMES.path(workspace.tables), columns))
        columns = ["video_id", "width", "height", "frames_per_second"]
        videos = read_table(VIDEOS, VIDEOS.path(workspace.tables), columns).to_pylist()
        self._videos = {video.pop("video_id"): video for video in videos}

    def of(self, video_id: str, source: str | None, table: Table) -> TrackedVideo | None:
        """Tracks of one video; None where the table has no file of it.

        Args:
            video_id: the video.
            source: its annotation file, relative to the data folder; None for a bare video.
            table: tracks or merged_tracks.

        Raises:
            InputError: the annotation file cannot be read, or its frames have no PoseTrack18 names.
            TableError: the table cannot be read; where the windows are passed over.
        """
        path = table.path(self._workspace.tables, video_id)
        if not path.exists():
            return None
        frames = self._frames.of(video_id).sort_by("frame_index")
        return TrackedVideo(
            video_id=video_id,
            windows=_Windows(frames, table, path, self._box_source, self._threshold),
            listed_images=listed_images(self._workspace.data / source) if source else None,
            **self._videos[video_id],
        )


class _Windows:
    """The tracks of a video window by window (see `TrackedVideo.windows`); a pass over them may raise TableError."""

    def __init__(self, frames: pa.Table, table: Table, path: Path, box_source: str, keypoint_threshold: float) -> None:
        self._frames, self._threshold = frames, keypoint_threshold
        self._open = partial(RowsInOrder, table, path, _COLUMNS, box_source)

    def __iter__(self) -> Iterator[TrackedWindow]:
        rows, count = self._open(), 0
        for start in range(0, len(self._frames), _WINDOW_FRAMES):
            frames = self._frames.slice(start, _WINDOW_FRAMES).to_pylist()
            poses = rows.before(frames[-1]["frame_index"] + 1)
            yield self._window(frames, poses, count)
            count += len(poses)

    def _window(self, frames: list[Record], rows: pa.Table, first_pose: int) -> TrackedWindow:
        image_of = {row["frame_index"]: row["image_id"] for row in frames}
        score = list_array(rows, "score")
        is_shown = np.zeros(score.shape, dtype=bool)
        is_shown[:, BODY] = score[:, BODY].astype(np.float64) >= self._threshold
        return TrackedWindow(
            frames=frames,
            first_pose=first_pose,
            image_id=np.array([image_of[index] for index in rows["frame_index"].to_pylist()], dtype=np.int64),
            track_id=np.asarray(rows["track_id"].to_numpy(), dtype=np.int64),
            xy=keypoint_array(rows),
            score=score,
            is_shown=is_shown,
            is_recovered=np.asarray(pc.equal(rows["origin"], "recovered").to_numpy(), dtype=bool),
        )


def scored_box_source(box_sources: list[str]) -> str:
    """Tracks on detected boxes are exported and scored; those on annotated boxes only where there are no others."""
    return "detected" if "detected" in box_sources else box_sources[0]
