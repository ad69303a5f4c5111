"""How the poses of a video correspond to later frames: affinities with the poses there, and propagated poses.

Both are rows of tables, looked up by source pose and target frame.
"""

from typing import Final

import numpy as np

from models.arrays import BoolArray, Float32Array, FloatArray, IntArray
from models.keypoints import KEYPOINT_COUNT
from models.poses.frame_poses import FramePoses

MAP_KINDS: Final = ("refined", "siamese")
"""The refined maps C and the unrefined maps S of section 4, as columns and parameters name them."""


class Affinities:
    """The affinity rows of one video, as blocks of (source poses, target poses, 17).

    Args of the constructor, N rows in any order, one per pair of poses:
        source_pose_id, target_frame_index, target_pose_id: (N,).
        values: (N,17) affinities, 0 to 1.
    """

    def __init__(
        self, source_pose_id: IntArray, target_frame_index: IntArray, target_pose_id: IntArray, values: FloatArray
    ) -> None:
        order = _order(target_pose_id, source_pose_id, target_frame_index)
        self._frame = np.asarray(target_frame_index)[order]
        self._source = np.asarray(source_pose_id)[order]
        self._target = np.asarray(target_pose_id)[order]
        self._values = np.asarray(values).reshape(-1, KEYPOINT_COUNT)[order]

    def block(self, source_pose_id: IntArray, target: FramePoses) -> FloatArray:
        """Affinities (Q,P,17) of these source poses at the poses of the target frame; 0 for pairs without a row."""
        first, end = np.searchsorted(self._frame, [target.frame_index, target.frame_index + 1])
        block = np.zeros((len(source_pose_id), len(target), KEYPOINT_COUNT))
        row, row_exists = _index_in(np.asarray(source_pose_id), self._source[first:end])
        column, column_exists = _index_in(target.pose_id, self._target[first:end])
        exists = row_exists & column_exists
        block[row[exists], column[exists]] = self._values[first:end][exists]
        return block


class PropagatedPoses:
    """Poses of one video propagated to later frames (5.1), by correspondences or by optical flow.

    Args of the constructor, N rows in any order:
        source_pose_id, target_frame_index: (N,).
        xy: (N,17,2) px.
        peak: (N,17) confidence of each keypoint, 0 to 1 (1 for a flow that stays inside the picture).
    """

    def __init__(
        self, source_pose_id: IntArray, target_frame_index: IntArray, xy: FloatArray, peak: FloatArray
    ) -> None:
        order = _order(source_pose_id, target_frame_index)
        self._frame = np.asarray(target_frame_index)[order]
        self._source = np.asarray(source_pose_id)[order]
        self._xy = np.asarray(xy).reshape(-1, KEYPOINT_COUNT, 2)[order]
        self._peak = np.asarray(peak).reshape(-1, KEYPOINT_COUNT)[order]

    def at(self, source_pose_id: IntArray, target_frame_index: int) -> tuple[FloatArray, FloatArray]:
        """Keypoints (Q,17,2) and peaks (Q,17) of these source poses in a frame; peaks are 0 where there is no row."""
        first, end = np.searchsorted(self._frame, [target_frame_index, target_frame_index + 1])
        row, exists = _index_in(np.asarray(source_pose_id), self._source[first:end])
        xy = np.zeros((len(source_pose_id), KEYPOINT_COUNT, 2))
        peak = np.zeros((len(source_pose_id), KEYPOINT_COUNT))
        xy[row[exists]], peak[row[exists]] = self._xy[first:end][exists], self._peak[first:end][exists]
        return xy, peak


def propagate_by_flow(xy: FloatArray, flow: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Move keypoints by the optical flow at their pixel: the flow baseline of Table 2 (6.2).

    Args:
        xy: (Q,17,2) px of the source frame; NaN starts nowhere.
        flow: (H,W,2) motion of each pixel of the source frame, x then y, px.

    Returns:
        (Q,17,2) px of the target frame, and (Q,17) peaks: 1 where a keypoint starts and ends inside the frame, else 0.
    """
    height, width = flow.shape[:2]
    column, row = (np.floor(np.nan_to_num(xy[..., axis])).astype(np.int64) for axis in (0, 1))
    starts_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    moved = xy + flow[row.clip(0, height - 1), column.clip(0, width - 1)]
    ends_inside = (moved >= 0).all(axis=-1) & (moved[..., 0] < width) & (moved[..., 1] < height)
    return moved, (starts_inside & ends_inside).astype(np.float64)


def _order(*keys: IntArray) -> IntArray | slice:
    """Order of rows by keys, the last counts most; rows of a table are in order, and then need no copy."""
    order = np.lexsort(keys)
    return slice(None) if (np.diff(order) == 1).all() else order


def _index_in(ids: IntArray, keys: IntArray) -> tuple[IntArray, BoolArray]:
    """Index in `ids` (unique, any order) of each key, and whether it is there at all."""
    if not len(ids):
        return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=np.bool_)
    order = np.argsort(ids, kind="stable")
    index = order[np.minimum(np.searchsorted(ids, keys, sorter=order), len(ids) - 1)]
    return index, np.asarray(ids[index] == keys)
