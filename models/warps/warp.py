"""Warps that make the second picture of a pair: an affine, and a smooth bend that no affine follows."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import FloatArray, Picture
from models.poses.crops import apply, crop_picture, invert

_WAVES = 3
_WAVELENGTH_SHARE = (0.5, 1.5)
"""Of the waves of a bend, in sides of the picture: limbs bend, patches stay whole."""
_ROUNDS = 24
"""Of the fixed-point iteration, which brings the error down by the bend's slope in each."""


@dataclass(frozen=True)
class Bend:
    """A smooth deformation: what lies at p + d(p) comes to lie at p, where d is a sum of waves."""

    waves: FloatArray
    """(W,2) radians per pixel along x and y."""
    phases: FloatArray
    """(W,) radians."""
    swings: FloatArray
    """(W,2) pixels along x and y."""

    def displacement(self, xy: FloatArray) -> FloatArray:
        """d (...,2) in pixels at the places (...,2)."""
        shifts: FloatArray = np.sin(xy @ self.waves.T + self.phases) @ self.swings
        return shifts

    def moved(self, xy: FloatArray) -> FloatArray:
        """Where points (...,2) come to lie: the p with p + d(p) = xy, unique since d is less steep than 1."""
        place = xy
        for _ in range(_ROUNDS):
            place = xy - self.displacement(place)
        return place


def draw_bend(slope: float, size_px: int, generator: np.random.Generator) -> Bend:
    """A bend whose derivative stays below `slope` (under 1) everywhere: local turns and stretches up to about that."""
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
        """What the view (size_px,size_px,3) shows of the picture (H,W,3); black outside."""
        if self.bend is None:
            return crop_picture(picture, self.affine, crop_width=size_px, crop_height=size_px)
        places = np.stack(np.meshgrid(np.arange(size_px), np.arange(size_px)), axis=-1).astype(np.float64)
        places += self.bend.displacement(places)
        columns, rows = apply(invert(self.affine), places[..., 0], places[..., 1])
        view = cv2.remap(picture, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR, borderValue=0)
        return np.asarray(view, dtype=np.uint8)
