"""Poses that a keypoint detector gave together with its boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from models.arrays import FloatArray
from models.keypoints import KEYPOINT_COUNT
from models.poses.frame_poses import EstimatedPoses
from tasks.inference.person_boxes import PersonBox
from tasks.tables import TableError, read_table
from tasks.tables.arrays import keypoint_array, list_array, table_of
from tasks.tables.schemas import NETWORK_POSES


@dataclass(frozen=True)
class PosedBox:
    """A person box with the keypoints (17,3) of x, y, score in it, PoseTrack order."""

    box: PersonBox
    keypoints: FloatArray


def network_pose_rows(video_id: str, posed: Sequence[PosedBox]) -> pa.Table:
    """Rows of the table network_poses; the k-th box in frame order is detection k, as in the table detections."""
    ordered = sorted(posed, key=lambda person: person.box.frame_index)
    keypoints = np.array([person.keypoints for person in ordered]).reshape(-1, KEYPOINT_COUNT, 3)
    return table_of(
        NETWORK_POSES,
        {
            "video_id": [video_id] * len(ordered),
            "frame_index": [person.box.frame_index for person in ordered],
            "detection_id": list(range(len(ordered))),
            **{name: keypoints[..., axis] for axis, name in enumerate(("x", "y", "score"))},
        },
    )


class NetworkPoses:
    """The table network_poses below a folder of tables."""

    def __init__(self, tables: Path) -> None:
        self._tables = tables

    def poses(self, video_id: str, detections: pa.Table) -> EstimatedPoses:
        """The pose of each detection of a video.

        Raises:
            TableError: the detections are not those of these poses.
        """
        path = NETWORK_POSES.path(self._tables, video_id)
        rows = read_table(NETWORK_POSES, path).sort_by("detection_id")
        numbers = detections["detection_id"].to_numpy()
        if len(numbers) and numbers.max() >= len(rows):
            raise TableError(
                f"detections of {video_id}: expected those of {len(rows)} poses of a keypoint detector, got detection "
                f"{numbers.max()}; run detect again with detect.source torchvision"
            )
        xy, score = keypoint_array(rows), list_array(rows, "score")
        return EstimatedPoses(xy[numbers].astype(np.float64), score[numbers].astype(np.float64))
