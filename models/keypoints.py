"""Keypoint names, and every index map between the data sets, derived by name."""

from itertools import pairwise
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray

_LIMBS: Final = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_LIMB_PAIRS: Final = tuple(f"{side}_{limb}" for limb in _LIMBS for side in ("left", "right"))

COCO_KEYPOINTS: Final = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", *_LIMB_PAIRS)
"""The 17 keypoints of a COCO person, in COCO's order."""

POSETRACK_KEYPOINTS: Final = ("nose", "head_bottom", "head_top", "left_ear", "right_ear", *_LIMB_PAIRS)
"""The 17 keypoints of PoseTrack18 and 21; the ears are placeholders that no one annotates."""

POSEVAL_JOINTS: Final = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
    *("head_bottom", "nose", "head_top"),
)
"""The 15 joints of poseval, in the order of its output (poseval calls head_bottom "neck")."""

KEYPOINT_COUNT: Final = 17

_HEAD_LENGTH: Final = 0.8
"""From the nose to head_top, in distances from head_bottom to the nose."""


def index_map(source: tuple[str, ...], target: tuple[str, ...]) -> IntArray:
    """Index in `source` of each name of `target`, shape (len(target),); -1 where `source` lacks the name."""
    return np.array([source.index(name) if name in source else -1 for name in target], dtype=np.int64)


def head_bottom(shoulders: FloatArray) -> FloatArray:
    """The head_bottom that COCO lacks: the midpoint of both shoulders (N,2,2), shape (N,2)."""
    midpoint: FloatArray = shoulders.mean(axis=1)
    return midpoint


def head_top(nose: FloatArray, bottom: FloatArray) -> FloatArray:
    """The head_top that COCO lacks: as seen from head_bottom (N,2), beyond the nose (N,2) by 0.8 of their distance."""
    return np.asarray(nose + _HEAD_LENGTH * (nose - bottom))


def flip_order(names: tuple[str, ...]) -> IntArray:
    """Order (len(names),) of the keypoints in a mirrored picture: left and right swap, the others stay."""
    swap = {"left": "right", "right": "left"}
    mirrored = [
        f"{swap[side]}_{part}" if (side := name.split("_")[0]) in swap and (part := name.split("_", 1)[1]) else name
        for name in names
    ]
    return np.array([names.index(name) for name in mirrored], dtype=np.int64)


EARS: Final = index_map(POSETRACK_KEYPOINTS, ("left_ear", "right_ear"))
"""Indices of the two placeholders in PoseTrack's order."""

BODY: Final = np.setdiff1d(np.arange(KEYPOINT_COUNT), EARS)
"""Indices of the 15 keypoints in PoseTrack's order that are annotated and scored."""

POSEVAL_FROM_POSETRACK: Final = index_map(POSETRACK_KEYPOINTS, POSEVAL_JOINTS)
"""Index of each poseval joint in PoseTrack's order, shape (15,)."""

SHARED_KEYPOINTS: Final = np.flatnonzero(np.array(COCO_KEYPOINTS) == np.array(POSETRACK_KEYPOINTS))
"""Indices with one meaning in COCO's and PoseTrack's order: all but those of the eyes, head_bottom and head_top."""

_BONES: Final = (
    *(("head_top", "nose"), ("nose", "head_bottom"), ("left_hip", "right_hip")),
    *((f"{side}_shoulder", near) for side in ("left", "right") for near in ("head_bottom", f"{side}_hip")),
    *(
        (f"{side}_{upper}", f"{side}_{lower}")
        for side in ("left", "right")
        for limb in (_LIMBS[:3], _LIMBS[3:])
        for upper, lower in pairwise(limb)
    ),
)

SKELETON: Final = tuple((POSETRACK_KEYPOINTS.index(a), POSETRACK_KEYPOINTS.index(b)) for a, b in _BONES)
"""Limbs to draw, as pairs of indices in PoseTrack's order."""

_SIGMAS: Final = {
    **{"nose": 0.026, "head_bottom": 0.079, "head_top": 0.079},
    **{"eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062},
    **{"hip": 0.107, "knee": 0.087, "ankle": 0.089},
}


def oks_sigmas(names: tuple[str, ...]) -> FloatArray:
    """COCO's falloff of each keypoint, shape (len(names),); head_bottom and head_top take the shoulders' value."""
    return np.array([_SIGMAS.get(name, _SIGMAS.get(name.split("_")[-1], 0.0)) for name in names])


OKS_SIGMAS: Final = oks_sigmas(POSETRACK_KEYPOINTS)
"""Falloffs in PoseTrack's order, shape (17,)."""
