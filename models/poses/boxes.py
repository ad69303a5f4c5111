"""Boxes as arrays (...,4) in pixels: `xywh` (corner and size) in tables and files, `xyxy` (two corners) in formulas.

Positions are continuous and the centre of the first pixel is 0, so a picture spans 0 to width - 1.
"""

from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray

_SHARE_BEYOND: Final = 0.15
"""What a pose's box has beyond its keypoints on each side, in shares of their extent: as around annotated PoseTrack."""
_LEAST_BEYOND_PX: Final = 1.0


def extent_xyxy(x: FloatArray, y: FloatArray, valid: BoolArray) -> FloatArray:
    """Smallest box around the valid keypoints.

    Args:
        x, y: (...,17) px.
        valid: (...,17); the others are ignored.

    Returns:
        (...,4) x_min, y_min, x_max, y_max; NaN where no keypoint is valid.
    """
    low = [np.where(valid, values, np.inf).min(axis=-1) for values in (x, y)]
    high = [np.where(valid, values, -np.inf).max(axis=-1) for values in (x, y)]
    boxes = np.stack([*low, *high], axis=-1).astype(np.float64)
    return np.where(np.any(valid, axis=-1)[..., None], boxes, np.nan)


def box_around(xy: FloatArray) -> FloatArray:
    """Box x, y, width, height of keypoints (K,2): their extent, grown by 15 % and at least a pixel on each side."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    beyond = np.maximum(_SHARE_BEYOND * (high - low), _LEAST_BEYOND_PX)
    return np.concatenate([low - beyond, high - low + 2 * beyond])


def xywh_to_xyxy(boxes_xywh: FloatArray) -> FloatArray:
    """Corner and size (...,4) to two corners (...,4)."""
    return np.concatenate([boxes_xywh[..., :2], boxes_xywh[..., :2] + boxes_xywh[..., 2:]], axis=-1)


def xyxy_to_xywh(boxes_xyxy: FloatArray) -> FloatArray:
    """Two corners (...,4) to corner and size (...,4)."""
    return np.concatenate([boxes_xyxy[..., :2], boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]], axis=-1)


def grow(boxes_xyxy: FloatArray, margin_px: float) -> FloatArray:
    """Move each side of boxes (...,4) outwards by `margin_px` (inwards where negative)."""
    return boxes_xyxy + margin_px * np.array([-1.0, -1.0, 1.0, 1.0])


def clip(boxes_xyxy: FloatArray, *, width: int, height: int) -> FloatArray:
    """Cut boxes (...,4) to a picture of `width` x `height` px: x in 0..width-1, y in 0..height-1."""
    return np.clip(boxes_xyxy, 0.0, np.array([width, height, width, height]) - 1.0)


def area(boxes_xyxy: FloatArray) -> FloatArray:
    """Area (...) in px^2 of boxes (...,4); 0 for inverted and for NaN boxes."""
    size = np.nan_to_num(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], nan=0.0)
    return np.asarray(np.prod(np.maximum(size, 0.0), axis=-1), dtype=np.float64)


def iou(boxes_xyxy: FloatArray, others_xyxy: FloatArray) -> FloatArray:
    """Intersection over union (N,M), 0 to 1, of boxes (N,4) and (M,4); 0 where both are empty."""
    near = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    far = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    shared = area(np.concatenate([near, far], axis=-1))
    union = area(boxes_xyxy)[:, None] + area(others_xyxy)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def fit_only_exchanged_sides(boxes_xywh: FloatArray, *, width: int, height: int) -> bool:
    """Whether boxes (N,4) belong to a picture of `height` x `width`, not to this one of `width` x `height` px.

    So do boxes that were found in a video whose turn was not obeyed: all centres lie in that picture, some not in this.
    """
    centres = boxes_xywh.reshape(-1, 4)[:, :2] + boxes_xywh.reshape(-1, 4)[:, 2:] / 2
    here, there = (((centres >= 0) & (centres <= sides)).all(axis=1) for sides in ((width, height), (height, width)))
    return bool(there.all() and not here.all())
