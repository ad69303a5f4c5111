"""Poses that another program estimated, as the index holds them: their boxes for detect, their keypoints for estimate.

A detection is the k-th pose of its video in the table file_poses, k being its detection_id.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from models.poses.frame_poses import EstimatedPoses
from tasks.inference.person_boxes import PersonBoxes
from tasks.inference.videos import Video
from tasks.tables import TableError, read_table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.by_video import RowsByVideo
from tasks.tables.schemas import FILE_POSES


class FilePoses:
    """The table file_poses below a folder of tables, read once."""

    def __init__(self, tables: Path) -> None:
        self._tables = tables

    @cached_property
    def _rows(self) -> RowsByVideo:
        return RowsByVideo(read_table(FILE_POSES, FILE_POSES.path(self._tables)))

    def boxes(self, video: Video) -> PersonBoxes:
        """Boxes of the poses of a video, in frame order; score 1 where the file has no score of the person."""
        rows = self._of(video.video_id)
        score = rows["person_score"].fill_null(1.0).to_numpy()
        return PersonBoxes.used(rows["frame_index"].to_numpy(), list_array(rows, "box_xywh"), score)

    def poses(self, video_id: str, detections: pa.Table) -> EstimatedPoses:
        """The pose of each detection of a video.

        Raises:
            TableError: the detections are not those of these poses.
        """
        rows = self._of(video_id)
        numbers = detections["detection_id"].to_numpy()
        if len(numbers) and numbers.max() >= len(rows):
            raise TableError(
                f"detections of {video_id}: expected those of {len(rows)} poses from files, got detection "
                f"{numbers.max()}; run detect again with detect.source poses"
            )
        xy, score = keypoint_array(rows), list_array(rows, "score")
        return EstimatedPoses(xy[numbers].astype(np.float64), score[numbers].astype(np.float64))

    def _of(self, video_id: str) -> pa.Table:
        return self._rows.of(video_id).sort_by("file_pose_id")
