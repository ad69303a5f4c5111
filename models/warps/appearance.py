"""Random changes of what training pictures look like: brightness, motion blur, blank and noisy rectangles."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import Picture

_BLANK_SIDES = (0.2, 0.6)
"""Sides of the blank rectangle, as a share of the picture's side."""
_ERASED_AREA = (0.02, 0.33)
"""Area of the noisy rectangle, as a share of the crop's area."""
_ERASED_ASPECT = (0.3, 3.3)
"""Height of the noisy rectangle divided by its width."""


def jitter_brightness(images: Tensor, share: float, generators: Sequence[np.random.Generator]) -> Tensor:
    """Scale and shift each image of (B,3,H,W) in 0..1 by up to `share` of the range, with a slight tint."""
    if not share:
        return images
    draws = np.stack([generator.uniform(-1, 1, size=5) for generator in generators])
    gain, shift, tint = draws[:, :1], draws[:, 1:2], draws[:, 2:]
    scale = torch.from_numpy(1 + share * gain + 0.3 * share * tint).float()[..., None, None]
    offset = torch.from_numpy(0.5 * share * shift).float()[..., None, None]
    return ((images - 0.5) * scale + 0.5 + offset).clamp_(0, 1)


def motion_blur(picture: Picture, longest_px: float, generator: np.random.Generator) -> Picture:
    """Blur along a random direction over a random length up to `longest_px`; half of all pictures stay sharp."""
    length, angle = generator.uniform(0, longest_px) * (generator.random() < 0.5), generator.uniform(0, np.pi)
    if length < 1:
        return picture
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.float32)
    for along in np.linspace(-length / 2, length / 2, 4 * reach + 1):
        kernel[round(reach + along * np.sin(angle)), round(reach + along * np.cos(angle))] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), dtype=np.uint8)


def blank_rectangle(view: Picture, generator: np.random.Generator) -> tuple[float, float, float, float]:
    """Fill a random rectangle of a square view (S,S,3) with one colour, in place: truncation of persons (4.3).

    Returns:
        Its borders x, y, x, y in px; a pixel is covered when its centre lies between them.
    """
    size = len(view)
    sides = np.round(generator.uniform(*_BLANK_SIDES, 2) * size).astype(int)
    x, y = (int(start) for start in generator.integers(1 - sides // 2, size - sides // 2))
    left, top, right, bottom = max(0, x), max(0, y), min(size, x + int(sides[0])), min(size, y + int(sides[1]))
    view[top:bottom, left:right] = generator.integers(0, 256, 3)
    return (left - 0.5, top - 0.5, right - 0.5, bottom - 0.5)


def erase_rectangle(crop: Picture, generator: np.random.Generator) -> None:
    """Fill a random rectangle of a crop (H,W,3) with noise, in place: random erasing, for re-identification."""
    rows, columns = crop.shape[:2]
    area = generator.uniform(*_ERASED_AREA) * rows * columns
    aspect = np.exp(generator.uniform(*np.log(_ERASED_ASPECT)))
    height, width = min(rows, round(np.sqrt(area * aspect))), min(columns, round(np.sqrt(area / aspect)))
    top, left = generator.integers(0, rows - height + 1), generator.integers(0, columns - width + 1)
    crop[top : top + height, left : left + width] = generator.integers(0, 256, (height, width, 3))
