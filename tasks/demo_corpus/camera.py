"""A camera that stands still and turns: pan, tilt, roll and zoom, so that the far world moves by a homography."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.arrays import FloatArray


@dataclass(frozen=True)
class Camera:
    """Angles (T,) in radians and focal lengths (T,) in pixels; `eye_height` in metres above the ground."""

    width: int
    height: int
    eye_height: float
    focal: FloatArray
    pan: FloatArray
    tilt: FloatArray
    roll: FloatArray

    @cached_property
    def rotations(self) -> FloatArray:
        """World to camera, (T,3,3); camera axes are X right, Y up, Z away."""
        (pan_c, pan_s), (tilt_c, tilt_s), (roll_c, roll_s) = (
            (np.cos(angle), np.sin(angle)) for angle in (self.pan, self.tilt, self.roll)
        )
        zero, unit = np.zeros_like(self.pan), np.ones_like(self.pan)
        pan = _matrix([[pan_c, zero, -pan_s], [zero, unit, zero], [pan_s, zero, pan_c]])
        tilt = _matrix([[unit, zero, zero], [zero, tilt_c, tilt_s], [zero, -tilt_s, tilt_c]])
        roll = _matrix([[roll_c, -roll_s, zero], [roll_s, roll_c, zero], [zero, zero, unit]])
        return np.asarray(roll @ tilt @ pan)

    def see(self, world: FloatArray) -> FloatArray:
        """World points (T,...,3) in camera axes."""
        moved = world - np.array([0.0, self.eye_height, 0.0])
        return np.asarray(np.einsum("tij,t...j->t...i", self.rotations, moved))

    def turn(self, directions: FloatArray) -> FloatArray:
        """World directions (T,...,3) in camera axes."""
        return np.asarray(np.einsum("tij,t...j->t...i", self.rotations, directions))

    def project(self, seen: FloatArray) -> FloatArray:
        """Camera points (T,...,3) as pixels (T,...,2); pixel centres lie on whole numbers."""
        shape = (-1,) + (1,) * (seen.ndim - 2)
        scale = self.focal.reshape(shape) / np.maximum(seen[..., 2], 0.2)
        return np.stack([self.width / 2 + scale * seen[..., 0], self.height / 2 - scale * seen[..., 1]], -1)

    def backdrop_maps(self, backdrop_focal: float, centre: tuple[float, float]) -> FloatArray:
        """Homographies (T,3,3) from the pixels of a straight-ahead backdrop to the pixels of the picture."""
        flat = _lens(backdrop_focal, *centre)
        lenses = np.stack([_lens(focal, self.width / 2, self.height / 2) for focal in self.focal])
        return np.asarray(lenses @ self.rotations @ np.linalg.inv(flat))


def _matrix(rows: list[list[FloatArray]]) -> FloatArray:
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _lens(focal: float, x: float, y: float) -> FloatArray:
    return np.array([[focal, 0.0, x], [0.0, -focal, y], [0.0, 0.0, 1.0]])
