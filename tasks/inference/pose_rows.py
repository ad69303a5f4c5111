"""Poses between tables and arrays."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.keypoints import KEYPOINT_COUNT
from models.poses.frame_poses import FramePoses
from tasks.tables.arrays import keypoint_array, list_array

MAP_KINDS: Final = ("refined", "siamese")
"""The maps C and S, as columns and parameters name them."""


def frame_poses(rows: pa.Table) -> Iterator[FramePoses]:
    """The poses of each frame that has any, in frame order, dropped ones left out.

    Args:
        rows: rows of the table poses, recovered_poses, tracks or merged_tracks, of one video and box source.
    """
    if "drop_reason" in rows.schema.names:
        rows = rows.filter(pc.field("drop_reason").is_null())
    frames = rows["frame_index"].to_numpy()
    pose_id, xy, score = rows["pose_id"].to_numpy(), keypoint_array(rows), list_array(rows, "score")
    for frame_index in np.unique(frames):
        here = frames == frame_index
        yield FramePoses(int(frame_index), pose_id[here], xy[here], score[here])


def no_poses(frame_index: int) -> FramePoses:
    """A frame without poses."""
    return join_poses(frame_index, [])


def join_poses(frame_index: int, parts: Iterable[FramePoses]) -> FramePoses:
    """All poses of the parts as one frame's."""
    parts = list(parts)
    return FramePoses(
        frame_index,
        np.concatenate([np.zeros(0, np.int64), *(part.pose_id for part in parts)]),
        np.concatenate([np.zeros((0, KEYPOINT_COUNT, 2)), *(part.xy for part in parts)]),
        np.concatenate([np.zeros((0, KEYPOINT_COUNT)), *(part.score for part in parts)]),
    )
