"""What the correspondence network said about the poses of a video, looked up by source pose and target frame."""

from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
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
        order = np.lexsort((target_pose_id, source_pose_id, target_frame_index))
        self._frame = np.asarray(target_frame_index)[order]
        self._source = np.asarray(source_pose_id)[order]
        self._target = np.asarray(target_pose_id)[order]
        self._values = np.asarray(values).reshape(-1, KEYPOINT_COUNT)[order]

    def block(self, source_pose_id: IntArray, target: FramePoses) -> FloatArray:
        """Affinities (Q,P,17) of these source poses at the poses of the target frame; 0 for pairs without a row."""
        first, end = np.searchsorted(self._frame, [target.frame_index, target.frame_index + 1])
        found = np.zeros((len(source_pose_id), len(target), KEYPOINT_COUNT))
        row, row_known = _places(self._source[first:end], np.asarray(source_pose_id))
        column, column_known = _places(self._target[first:end], target.pose_id)
        known = row_known & column_known
        found[row[known], column[known]] = self._values[first:end][known]
        return found


def _places(wanted: IntArray, ids: IntArray) -> tuple[IntArray, BoolArray]:
    """Index in `ids` (unique, any order) of each wanted id, and whether it is there at all."""
    if not len(ids):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    order = np.argsort(ids, kind="stable")
    place = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return place, np.asarray(ids[place] == wanted)


class CarriedPoses:
    """Poses of one video carried to later frames, looked up by source pose and target frame.

    Args of the constructor, N rows in any order:
        source_pose_id, target_frame_index: (N,).
        xy: (N,17,2) px.
        peak: (N,17) how sure each keypoint is, 0 to 1 (1 for a flow that stays inside the picture).
    """

    def __init__(
        self, source_pose_id: IntArray, target_frame_index: IntArray, xy: FloatArray, peak: FloatArray
    ) -> None:
        order = np.lexsort((source_pose_id, target_frame_index))
        self._frame = np.asarray(target_frame_index)[order]
        self._source = np.asarray(source_pose_id)[order]
        self._xy = np.asarray(xy, dtype=np.float64).reshape(-1, KEYPOINT_COUNT, 2)[order]
        self._peak = np.asarray(peak, dtype=np.float64).reshape(-1, KEYPOINT_COUNT)[order]

    def at(self, source_pose_id: IntArray, target_frame_index: int) -> tuple[FloatArray, FloatArray]:
        """Keypoints (Q,17,2) and peaks (Q,17) of these source poses in a frame; peaks are 0 where there is no row."""
        first, end = np.searchsorted(self._frame, [target_frame_index, target_frame_index + 1])
        row, known = _places(self._source[first:end], np.asarray(source_pose_id))
        xy = np.zeros((len(source_pose_id), KEYPOINT_COUNT, 2))
        peak = np.zeros((len(source_pose_id), KEYPOINT_COUNT))
        xy[row[known]], peak[row[known]] = self._xy[first:end][known], self._peak[first:end][known]
        return xy, peak
