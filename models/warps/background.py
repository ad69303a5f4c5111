"""Persons before other surroundings: between two frames of a video people move against what is behind them."""

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray, Picture
from models.keypoints import POSETRACK_KEYPOINTS, SKELETON, index_map

_SHOULDERS = index_map(POSETRACK_KEYPOINTS, ("left_shoulder", "right_shoulder"))
_HIPS = index_map(POSETRACK_KEYPOINTS, ("left_hip", "right_hip"))
_TRUNK = np.concatenate([_SHOULDERS, _HIPS])
_LIMB_WIDTH = 0.4
"""In lengths of the trunk; a little more than a limb, so that its outline stays."""
_FEATHER_PX = 1.0


def body_mask(xy: FloatArray, labelled: BoolArray, *, size_px: int) -> BoolArray:
    """Where the bodies of P persons are, roughly: trunk and limbs between labelled keypoints.

    Args:
        xy: (P,17,2) pixels of the view, PoseTrack's slots.
        labelled: (P,17); persons without shoulders and hips are left out.
        size_px: side of the view.

    Returns:
        (size_px,size_px).
    """
    mask = np.zeros((size_px, size_px), dtype=np.uint8)
    for points, told in zip(np.rint(xy).astype(np.int32), labelled, strict=True):
        if told[_TRUNK].all():
            cv2.fillConvexPoly(mask, cv2.convexHull(points[_TRUNK]), 1)
            for first, second in SKELETON:
                if told[first] and told[second]:
                    cv2.line(mask, points[first].tolist(), points[second].tolist(), 1, _limb_width(points))
    return mask.astype(np.bool_)


def _limb_width(points: npt.NDArray[np.int32]) -> int:
    shoulders, hips = points[_SHOULDERS], points[_HIPS]
    lengths = [*(shoulders[0] - hips[0], shoulders[1] - hips[1]), shoulders[0] - shoulders[1]]
    return max(1, round(_LIMB_WIDTH * max(float(np.hypot(*length)) for length in lengths)))


def at(mask: BoolArray, xy: FloatArray) -> BoolArray:
    """The mask (S,S) at the pixels of points (...,2); beyond the border as at the border."""
    column, row = (np.rint(xy[..., axis]).clip(0, len(mask) - 1).astype(np.int64) for axis in (0, 1))
    return np.asarray(mask[row, column])


def before(surroundings: Picture, view: Picture, mask: BoolArray) -> Picture:
    """The view (S,S,3) where the mask (S,S) is set, before other surroundings (S,S,3), with a soft edge."""
    share = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _FEATHER_PX)[..., None]
    return np.asarray(np.rint(share * view + (1 - share) * surroundings), dtype=np.uint8)
