"""The two head keypoints of PoseTrack that COCO lacks, from those that it has."""

from typing import Final

import numpy as np

from models.arrays import FloatArray

HEAD_LENGTH: Final = 0.8
"""From the nose to head_top, in distances from head_bottom to the nose."""


def head_bottom(shoulders: FloatArray) -> FloatArray:
    """Midpoint of both shoulders (N,2,2), shape (N,2)."""
    midpoint: FloatArray = shoulders.mean(axis=1)
    return midpoint


def head_top(nose: FloatArray, bottom: FloatArray) -> FloatArray:
    """The point beyond the nose (N,2) as seen from head_bottom (N,2), `HEAD_LENGTH` times as far again."""
    return np.asarray(nose + HEAD_LENGTH * (nose - bottom))
