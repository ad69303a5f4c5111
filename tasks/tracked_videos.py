"""Tracks out of the tables, with the frames that the video's annotation file lists."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.keypoints import BODY
from tasks.formats.fields import Record
from tasks.formats.posetrack_files import listed_images
from tasks.formats.tracked_video import TrackedVideo
from tasks.tables import Table, read_table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.by_video import RowsByVideo
from tasks.tables.files import read_blocks
from tasks.tables.schemas import FRAMES, VIDEOS
from tasks.workspace import Workspace


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
            TableError: the table cannot be read.
        """
        path = table.path(self._workspace.tables, video_id)
        if not path.exists():
            return None
        frames = self._frames.of(video_id).sort_by("frame_index").to_pylist()
        image_ids = np.array([row["image_id"] for row in frames], dtype=np.int64)
        at_frame = {row["frame_index"]: at for at, row in enumerate(frames)}
        rows = self._rows(table, path)
        score = list_array(rows, "score")
        is_shown = np.zeros(score.shape, dtype=bool)
        is_shown[:, BODY] = score[:, BODY].astype(np.float64) >= self._threshold
        return TrackedVideo(
            video_id=video_id,
            images=self._images(video_id, source, frames),
            image_id=image_ids[[at_frame[index] for index in rows["frame_index"].to_numpy().tolist()]],
            track_id=np.asarray(rows["track_id"].to_numpy(), dtype=np.int64),
            xy=keypoint_array(rows),
            score=score,
            is_shown=is_shown,
            is_recovered=np.asarray(pc.equal(rows["origin"], "recovered").to_numpy(), dtype=bool),
            frames=frames,
            is_annotated=bool(source),
            **self._videos[video_id],
        )

    def _rows(self, table: Table, path: Path) -> pa.Table:
        """What is exported of the tracks; read in blocks, so that nothing else of a long video is in memory."""
        columns = ["frame_index", "track_id", "origin", "x", "y", "score"]
        blocks = read_blocks(table, path, ["box_source", *columns])
        chosen = (rows.filter(pc.equal(rows["box_source"], self._box_source)).select(columns) for rows in blocks)
        return pa.concat_tables([pa.schema([table.schema.field(name) for name in columns]).empty_table(), *chosen])

    def _images(self, video_id: str, source: str | None, frames: list[Record]) -> list[Record]:
        if source:
            return listed_images(self._workspace.data / source)
        return [{"id": row["image_id"], "file_name": row["file_name"], "vid_id": video_id} for row in frames]


def scored_box_source(box_sources: list[str]) -> str:
    """Tracks on detected boxes are exported and scored; those on annotated boxes only where there are no others."""
    return "detected" if "detected" in box_sources else box_sources[0]
