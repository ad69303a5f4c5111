"""Keypoints of any order as PoseTrack's 17, by name."""

import numpy as np

from models.arrays import FloatArray
from models.keypoints import BODY, POSETRACK_KEYPOINTS, head_bottom, head_top, index_map
from tasks.formats.errors import FieldError
from tasks.formats.pose_files.keypoint_names import canonical_name

_BOTTOM, _TOP, _NOSE, _LEFT, _RIGHT = index_map(
    POSETRACK_KEYPOINTS, ("head_bottom", "head_top", "nose", "left_shoulder", "right_shoulder")
).tolist()


def posetrack_keypoints(names: tuple[str, ...], keypoints: FloatArray) -> FloatArray:
    """Keypoints (P,K,3) of x, y, score as (P,17,3) in PoseTrack's order; missing ones are 0.

    Where a pose has no head_bottom of its own, it is the midpoint of both shoulders; where it has no head_top, it lies
    beyond the nose (`models.keypoints`), as in the training on COCO. Their score is the lowest of what they follow
    from. The eyes are not used.

    Raises:
        FieldError: a name occurs twice, or none is a body keypoint of PoseTrack.
    """
    known = tuple(canonical_name(name) for name in names)
    sources = index_map(known, POSETRACK_KEYPOINTS)
    if not (sources[BODY] >= 0).any():
        raise FieldError("keypoint names", "names such as left_shoulder or nose", list(names))
    twice = [name for name in POSETRACK_KEYPOINTS if known.count(name) > 1]
    if twice:
        raise FieldError("keypoint names", f"{twice[0]} once", list(names))
    mapped: FloatArray = np.zeros((len(keypoints), len(POSETRACK_KEYPOINTS), 3))
    mapped[:, sources >= 0] = keypoints[:, sources[sources >= 0]]
    shoulders = mapped[:, [_LEFT, _RIGHT]]
    _fill(mapped, _BOTTOM, head_bottom(shoulders[..., :2]), shoulders[..., 2])
    beyond_nose = head_top(mapped[:, _NOSE, :2], mapped[:, _BOTTOM, :2])
    _fill(mapped, _TOP, beyond_nose, mapped[:, [_NOSE, _BOTTOM], 2])
    return mapped


def _fill(mapped: FloatArray, keypoint: int, xy: FloatArray, scores: FloatArray) -> None:
    """Set a missing keypoint of each pose to `xy` (P,2) where all `scores` (P,2) of its sources are above 0."""
    score = scores.min(axis=1)
    filled = (mapped[:, keypoint, 2] == 0) & (score > 0)
    mapped[filled, keypoint, :2], mapped[filled, keypoint, 2] = xy[filled], score[filled]
