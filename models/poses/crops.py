"""Affine maps from a picture to what the networks see, and back.

An affine is a (...,2,3) float64 array that maps x, y, 1 of the picture to x, y of the crop or fitted frame.
"""

from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import FloatArray, Picture

MirrorAxis = Literal["cells", "pixels"]
"""`cells` mirrors x into width - x, the centre of each cell into the centre of another; `pixels` into width - 1 - x."""


def _scale_and_centre(scale: FloatArray, source_xy: FloatArray, target_xy: FloatArray) -> FloatArray:
    affine = np.zeros((*scale.shape, 2, 3))
    affine[..., 0, 0] = affine[..., 1, 1] = scale
    affine[..., :, 2] = target_xy - scale[..., None] * source_xy
    return affine


def crop_affine(box_xywh: FloatArray, *, crop_width: int, crop_height: int) -> FloatArray:
    """Map the longer side of each person box to `crop_width`, centre to centre, without distortion (6.1).

    A tall box has (crop_height - crop_width) / 2 px of background above and below.

    Args:
        box_xywh: (...,4) px of the picture; the longer side must be positive.
        crop_width, crop_height: size of the crop, px.

    Returns:
        (...,2,3) picture to crop.
    """
    box = np.asarray(box_xywh, dtype=np.float64)
    scale = crop_width / box[..., 2:].max(axis=-1)
    return _scale_and_centre(scale, box[..., :2] + box[..., 2:] / 2, np.array([crop_width, crop_height]) / 2)


def frame_affine(width: int, height: int, *, size_px: int) -> FloatArray:
    """Map a whole frame into a square of `size_px`, its longer side to `size_px`, centred on black; (2,3)."""
    scale = np.array(size_px / max(width, height))
    return _scale_and_centre(scale, np.array([width // 2, height // 2]), np.full(2, size_px // 2))


def invert(affine: FloatArray) -> FloatArray:
    """The inverse (...,2,3): apply(invert(a), *apply(a, x, y)) is x, y."""
    linear = np.linalg.inv(affine[..., :2])
    return np.concatenate([linear, -linear @ affine[..., 2:]], axis=-1)


def apply(affine: FloatArray, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Move points x, y (...,K) by an affine (...,2,3) or (2,3); returns the new x and y (...,K)."""
    row = affine[..., None]
    moved_x = row[..., 0, 0, :] * x + row[..., 0, 1, :] * y + row[..., 0, 2, :]
    moved_y = row[..., 1, 0, :] * x + row[..., 1, 1, :] * y + row[..., 1, 2, :]
    return moved_x, moved_y


def crop_picture(picture: Picture, affine: FloatArray, *, crop_width: int, crop_height: int) -> Picture:
    """Cut a crop (crop_height, crop_width, 3) uint8 out of an RGB picture (H,W,3): bilinear, black outside."""
    crop: Any = cv2.warpAffine(picture, affine, (crop_width, crop_height), flags=cv2.INTER_LINEAR, borderValue=0)
    return np.asarray(crop, dtype=np.uint8)


def image_tensor(pictures: Picture, *, device: torch.device | str = "cpu") -> Tensor:
    """Pictures (...,H,W,3) uint8 as images (...,3,H,W) in 0..1 for a network, on a device."""
    return torch.from_numpy(pictures).to(device).movedim(-1, -3).float().div_(255)


def stretched_crop(picture: Picture, box_xywh: FloatArray, *, crop_width: int, crop_height: int) -> Picture:
    """Stretch a box (4,) in px to a crop (crop_height, crop_width, 3), as re-identification sees persons (6.2)."""
    box = np.asarray(box_xywh, dtype=np.float64)
    scale = np.array([crop_width, crop_height]) / np.maximum(box[2:], 1.0)
    affine = np.column_stack([np.diag(scale), -scale * box[:2]])
    return crop_picture(picture, affine, crop_width=crop_width, crop_height=crop_height)


def mirror(images: Tensor, about: MirrorAxis) -> Tensor:
    """Mirror images (...,W) from left to right, about the middle of the cells' centres or of the pixels.

    The centre of a cell is at 4 i + 2, so that only the mirror about the cells has maps that are the mirrored maps of
    the images. It moves column 0 out of the image and repeats the last column in its place. The released scripts
    mirror about the pixels, which moves their mirrored heatmaps by one pixel against the plain ones.
    """
    mirrored = images.flip(-1)
    if about == "pixels":
        return mirrored
    return torch.cat([mirrored[..., :1], mirrored[..., :-1]], dim=-1)
