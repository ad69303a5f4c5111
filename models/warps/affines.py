"""Random similarities as affines (2,3), which map x, y, 1 of a picture to x, y of the warped picture in pixels."""

from collections.abc import Sequence

import numpy as np

from models.arrays import FloatArray


def log_uniform(generator: np.random.Generator, bounds: Sequence[float]) -> float:
    """Draw a factor between two bounds, as likely below as above their geometric mean."""
    return float(np.exp(generator.uniform(*np.log(bounds))))


def similarity_about(
    centre_xy: tuple[float, float], *, degrees: float, scale: float, shift_xy: tuple[float, float], mirror_width: int
) -> FloatArray:
    """Affine (2,3) that rotates and scales about a point, shifts by pixels, and mirrors.

    `mirror_width` mirrors columns 0 .. mirror_width - 1 into each other; 0 does not mirror.
    """
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array(centre_xy)
    affine = np.column_stack([linear, centre + np.array(shift_xy) - linear @ centre])
    if mirror_width:
        affine[0] = np.array([0.0, 0.0, mirror_width - 1.0]) - affine[0]
    return affine


def chain(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """The affine (2,3) that applies `inner`, then `outer`."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])
