"""Warps that make the second picture of a pair: an affine, then a smooth bend that no affine can express (4.3)."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import FloatArray, Picture
from models.poses.crops import apply, crop_picture, invert

_WAVES = 3
_WAVELENGTH_SHARE = (0.5, 1.5)
"""Wavelengths of a bend, in sides of the picture: limbs bend, small patches keep their shape."""
_ITERATIONS = 24
"""Of the fixed-point iteration, each of which multiplies the error by at most the slope of the bend."""


@dataclass(frozen=True)
class Bend:
    """A smooth deformation that moves what lies at p + d(p) to p, where d is a sum of waves."""

    waves: FloatArray
    """(W,2) radians per pixel along x and y."""
    phases: FloatArray
    """(W,) radians."""
    swings: FloatArray
    """(W,2) pixels along x and y."""

    def displacement(self, xy: FloatArray) -> FloatArray:
        """d (...,2) in pixels at points (...,2)."""
        shifts: FloatArray = np.sin(xy @ self.waves.T + self.phases) @ self.swings
        return shifts

    def moved(self, xy: FloatArray) -> FloatArray:
        """Points (...,2) after the bend: the p with p + d(p) = xy, unique since d has a slope below 1."""
        solution = xy
        for _ in range(_ITERATIONS):
            solution = xy - self.displacement(solution)
        return solution


def draw_bend(slope: float, size_px: int, generator: np.random.Generator) -> Bend:
    """Draw a bend whose derivative stays below `slope` (under 1): the size of its local rotations and stretches."""
    angles = generator.uniform(0, 2 * np.pi, (2, _WAVES))
    steepness = 2 * np.pi / (size_px * generator.uniform(*_WAVELENGTH_SHARE, _WAVES))
    swing = slope * generator.uniform(0, 1, _WAVES) / (_WAVES * steepness)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    phases = generator.uniform(0, 2 * np.pi, _WAVES)
    return Bend(directions[0] * steepness[:, None], phases, directions[1] * swing[:, None])


@dataclass(frozen=True)
class Warp:
    """From a picture to a square view of it: an affine (2,3), then a bend."""

    affine: FloatArray
    bend: Bend | None = None

    def moved(self, xy: FloatArray) -> FloatArray:
        """Points (...,2) of the picture in pixels of the view."""
        straight = np.stack(apply(self.affine, xy[..., 0], xy[..., 1]), axis=-1)
        return straight if self.bend is None else self.bend.moved(straight)

    def view(self, picture: Picture, size_px: int) -> Picture:
        """The view (size_px,size_px,3) of a picture (H,W,3); black outside the picture."""
        if self.bend is None:
            return crop_picture(picture, self.affine, crop_width=size_px, crop_height=size_px)
        pixels = np.stack(np.meshgrid(np.arange(size_px), np.arange(size_px)), axis=-1).astype(np.float64)
        pixels += self.bend.displacement(pixels)
        columns, rows = apply(invert(self.affine), pixels[..., 0], pixels[..., 1])
        view = cv2.remap(picture, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR, borderValue=0)
        return np.asarray(view, dtype=np.uint8)
