"""Persons on another background: between two frames of a video people move relative to what is behind them."""

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray, Picture
from models.keypoints import POSETRACK_KEYPOINTS, SKELETON, index_map

_SHOULDERS = index_map(POSETRACK_KEYPOINTS, ("left_shoulder", "right_shoulder"))
_HIPS = index_map(POSETRACK_KEYPOINTS, ("left_hip", "right_hip"))
_TRUNK = np.concatenate([_SHOULDERS, _HIPS])
_LIMB_WIDTH = 0.4
"""In lengths of the trunk; slightly more than a limb, so that its outline is kept."""
_FEATHER_PX = 1.0


def body_mask(xy: FloatArray, labelled: BoolArray, *, size_px: int) -> BoolArray:
    """Mask of P bodies, roughly: trunk and limbs between labelled keypoints.

    Args:
        xy: (P,17,2) px of the view, PoseTrack's order.
        labelled: (P,17); persons without both shoulders and hips are left out.
        size_px: side of the view.

    Returns:
        (size_px,size_px).
    """
    mask = np.zeros((size_px, size_px), dtype=np.uint8)
    for points, known in zip(np.rint(xy).astype(np.int32), labelled, strict=True):
        if known[_TRUNK].all():
            cv2.fillConvexPoly(mask, cv2.convexHull(points[_TRUNK]), 1)
            for first, second in SKELETON:
                if known[first] and known[second]:
                    cv2.line(mask, points[first].tolist(), points[second].tolist(), 1, _limb_width(points))
    return mask.astype(np.bool_)


def _limb_width(points: npt.NDArray[np.int32]) -> int:
    shoulders, hips = points[_SHOULDERS], points[_HIPS]
    lengths = [*(shoulders[0] - hips[0], shoulders[1] - hips[1]), shoulders[0] - shoulders[1]]
    return max(1, round(_LIMB_WIDTH * max(float(np.hypot(*length)) for length in lengths)))


def sample_mask(mask: BoolArray, xy: FloatArray) -> BoolArray:
    """Values of a mask (S,S) at points (...,2) in px; outside the view those of its border."""
    column, row = (np.rint(xy[..., axis]).clip(0, len(mask) - 1).astype(np.int64) for axis in (0, 1))
    return np.asarray(mask[row, column])


def replace_background(view: Picture, mask: BoolArray, background: Picture) -> Picture:
    """Keep the view (S,S,3) where the mask (S,S) is set, and show a background (S,S,3) elsewhere, with a soft edge."""
    share = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _FEATHER_PX)[..., None]
    return np.asarray(np.rint(share * view + (1 - share) * background), dtype=np.uint8)
