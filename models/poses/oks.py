"""Object keypoint similarity: how well two poses agree, relative to the person's size.

The mask is explicit: an OKS is the mean over exactly the keypoints that the caller passes as valid. The released
scripts use the candidate's mask alone; pass that mask to reproduce their numbers.
"""

from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.keypoints import BODY, KEYPOINT_COUNT, OKS_SIGMAS
from models.poses.boxes import area, extent_xyxy

_EPSILON: Final = float(np.spacing(1.0))
_IS_BODY: Final[BoolArray] = np.isin(np.arange(KEYPOINT_COUNT), BODY)


def body_keypoints(score: FloatArray, threshold: float) -> BoolArray:
    """Keypoints (...,17) that reach the score threshold; never the ears, which no one annotates."""
    return np.asarray(score >= threshold) & _IS_BODY


def oks(
    candidate_xy: FloatArray,
    reference_xy: FloatArray,
    *,
    valid: BoolArray,
    area: FloatArray,
    sigmas: FloatArray = OKS_SIGMAS,
) -> FloatArray:
    """OKS of every candidate with every reference.

    Args:
        candidate_xy: (N,17,2) px.
        reference_xy: (M,17,2) px.
        valid: keypoints to compare, any shape that broadcasts to (N,M,17).
        area: size of the person in px^2, any shape that broadcasts to (N,M).
        sigmas: (17,) falloffs.

    Returns:
        (N,M), 0 to 1; 0 where no keypoint is valid.
    """
    shape = (len(candidate_xy), len(reference_xy), len(sigmas))
    mask = np.broadcast_to(valid, shape)
    difference = np.asarray(candidate_xy)[:, None] - np.asarray(reference_xy)[None]
    squared = np.where(mask, np.square(difference).sum(axis=-1), 0.0)
    size = np.broadcast_to(area, shape[:2])[..., None] + _EPSILON
    agreement = np.where(mask, np.exp(-squared / (2.0 * size * (2.0 * sigmas) ** 2)), 0.0)
    return np.asarray(agreement.sum(axis=-1) / np.maximum(mask.sum(axis=-1), 1))


def keypoint_area(xy: FloatArray, valid: BoolArray) -> FloatArray:
    """Area (...) in px^2 of the box around the valid keypoints of xy (...,17,2); 0 where none is valid."""
    return area(extent_xyxy(xy[..., 0], xy[..., 1], valid))


def pose_oks(
    candidate_xy: FloatArray, reference_xy: FloatArray, *, candidate_valid: BoolArray, reference_valid: BoolArray
) -> FloatArray:
    """OKS over the keypoints valid in both poses, with the mean of both keypoint areas as the person's size.

    Args:
        candidate_xy: (N,17,2) px.
        reference_xy: (M,17,2) px.
        candidate_valid: (N,17).
        reference_valid: (M,17).

    Returns:
        (N,M), 0 to 1; 0 where the poses share no valid keypoint.
    """
    candidate_area = keypoint_area(candidate_xy, candidate_valid)
    reference_area = keypoint_area(reference_xy, reference_valid)
    both = candidate_valid[:, None] & reference_valid[None]
    return oks(candidate_xy, reference_xy, valid=both, area=(candidate_area[:, None] + reference_area[None]) / 2)
