"""Names of keypoints: the orders that programs write without names, and one spelling for all names."""

import re
from typing import Final

from models.keypoints import COCO_KEYPOINTS
from tasks.formats.errors import FieldError

_SIDES: Final = ("left", "right")
_FEET: Final = tuple(f"{side}_{part}" for side in _SIDES for part in ("big_toe", "small_toe", "heel"))

BODY_25: Final = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("middle_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear", *_FEET),
)
"""OpenPose's default order."""

OPENPOSE_COCO_18: Final = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
)
"""OpenPose's order for its COCO model: not COCO's."""

HALPE_26: Final = (
    *(*COCO_KEYPOINTS, "head", "neck", "middle_hip"),
    *("left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel"),
)
"""AlphaPose's and RTMPose's body with feet; head is the top of the head."""

BLAZEPOSE_33: Final = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer"),
    *("left_ear", "right_ear", "mouth_left", "mouth_right"),
    *(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb") for side in _SIDES),
    *(f"{side}_{part}" for part in ("hip", "knee", "ankle", "heel", "foot_index") for side in _SIDES),
)
"""MediaPipe's pose landmarks."""


def _with_rest(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    return (*names, *(f"keypoint_{position}" for position in range(len(names), count)))


_BY_COUNT: Final = {
    17: COCO_KEYPOINTS,
    18: OPENPOSE_COCO_18,
    25: BODY_25,
    26: HALPE_26,
    33: BLAZEPOSE_33,
    133: _with_rest(COCO_KEYPOINTS, 133),  # COCO-WholeBody begins with COCO's 17
    136: _with_rest(HALPE_26, 136),  # Halpe-136 begins with its 26
}


def names_by_count(count: int) -> tuple[str, ...]:
    """The order that programs use for so many keypoints when their files give no names.

    Raises:
        FieldError: no known order has so many.
    """
    if count not in _BY_COUNT:
        known = ", ".join(map(str, _BY_COUNT))
        raise FieldError("keypoints", f"names in the file, or one of the known counts {known}", count)
    return _BY_COUNT[count]


_ALSO_CALLED: Final = {
    **{"neck": "head_bottom", "upper_neck": "head_bottom", "neck_base": "head_bottom", "thorax": "head_bottom"},
    **{"head": "head_top", "top_head": "head_top", "top_of_head": "head_top", "crown": "head_top"},
}
_SIDE_TOKENS: Final = {"l": "left", "r": "right", "left": "left", "right": "right"}
_SIDED: Final = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "ear", "eye")


def canonical_name(name: str) -> str:
    """A name as COCO and PoseTrack spell it: "LShoulder", "shoulder-left" and "left shoulder" are left_shoulder."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    tokens = [token for token in re.split(r"[^0-9a-z]+", spaced.lower()) if token]
    if len(tokens) == 1 and tokens[0][:1] in ("l", "r") and tokens[0][1:] in _SIDED:  # lshoulder
        tokens = [tokens[0][0], tokens[0][1:]]
    sides = [_SIDE_TOKENS[token] for token in tokens if token in _SIDE_TOKENS]
    part = "_".join(token for token in tokens if token not in _SIDE_TOKENS)
    sided = f"{sides[0]}_{part}" if len(sides) == 1 else part
    return _ALSO_CALLED.get(sided, sided)
