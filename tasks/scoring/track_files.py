"""Tracks out of the tables, as PoseTrack18 prediction files that any evaluator reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from models.keypoints import BODY, KEYPOINT_COUNT
from tasks.formats.fields import Record
from tasks.formats.posetrack_conversion import CATEGORY
from tasks.formats.posetrack_files import listed_images
from tasks.tables import Table, read_table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.schemas import FRAMES
from tasks.workspace import Workspace


@dataclass(frozen=True)
class FrameList:
    """The frames of one video as its prediction file lists them."""

    images: list[Record]
    image_ids: dict[int, int]
    """image_id by frame_index."""


class FrameLists:
    """The frames of every video of the index."""

    def __init__(self, workspace: Workspace) -> None:
        """Read the table of frames."""
        self._data = workspace.data
        columns = ["video_id", "frame_index", "image_id", "file_name"]
        self._rows = read_table(FRAMES, FRAMES.path(workspace.tables), columns)

    def of(self, video_id: str, source: str | None) -> FrameList:
        """Frames of a video: those of its annotation file `source`, or of the index where it has none.

        Raises:
            FormatError: the annotation file cannot be read.
            ConversionError: it is a PoseTrack17 file whose frames have no PoseTrack18 names.
        """
        rows = self._rows.filter(pc.field("video_id") == video_id).sort_by("frame_index").to_pylist()
        bare = [{"id": row["image_id"], "file_name": row["file_name"], "vid_id": video_id} for row in rows]
        images = listed_images(self._data / source) if source else bare
        return FrameList(images, {row["frame_index"]: row["image_id"] for row in rows})


def prediction_file(table: Table, path: Path, frames: FrameList, *, box_source: str, joint_threshold: float) -> Record:
    """The tracks of one video in PoseTrack18 form.

    Args:
        table: tracks or merged_tracks.
        path: the video's file of that table.
        frames: the video's frames.
        box_source: detected or annotated, whose tracks are taken.
        joint_threshold: keypoints with a lower score are left out, and poses that have none left.
    """
    rows = read_table(table, path)
    rows = rows.filter(pc.field("box_source") == box_source)
    score = list_array(rows, "score").astype(np.float64)
    shown = np.zeros(score.shape, dtype=bool)
    shown[:, BODY] = score[:, BODY] >= joint_threshold
    xy = keypoint_array(rows).astype(np.float64)
    keypoints = np.concatenate([np.where(shown[..., None], xy, 0.0), shown[..., None]], axis=2)
    frame_index, tracks = rows["frame_index"].to_pylist(), rows["track_id"].to_pylist()
    annotations = [
        _annotation(row, frames.image_ids[frame_index[row]], tracks[row], keypoints[row], score[row])
        for row in np.flatnonzero(shown.any(axis=1)).tolist()
    ]
    return {"images": frames.images, "annotations": annotations, "categories": [CATEGORY]}


def _annotation(row: int, image_id: int, track_id: int, keypoints: Any, score: Any) -> Record:
    return {
        "id": row,
        "image_id": image_id,
        "category_id": 1,
        "track_id": track_id,
        "keypoints": keypoints.reshape(KEYPOINT_COUNT * 3).tolist(),
        "scores": score.tolist(),
    }
