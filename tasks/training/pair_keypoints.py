"""Keypoints for correspondence training, in PoseTrack's slots: any point of the picture is exact supervision there."""

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.keypoints import COCO_KEYPOINTS, KEYPOINT_COUNT, POSETRACK_KEYPOINTS, index_map
from tasks.training.persons import Persons, Source

NOSE, HEAD_BOTTOM, HEAD_TOP = (POSETRACK_KEYPOINTS.index(name) for name in ("nose", "head_bottom", "head_top"))
_SHOULDERS = index_map(POSETRACK_KEYPOINTS, ("left_shoulder", "right_shoulder"))
_HEAD_LENGTH = 0.8
"""From the nose to head_top, in distances from head_bottom to the nose."""
_HIPS = index_map(POSETRACK_KEYPOINTS, ("left_hip", "right_hip"))
_NOSE_HEIGHT, _HEAD_HEIGHT = 0.35, 0.65
"""Of nose and head_top over head_bottom, in lengths of the trunk."""


def pair_keypoints(persons: Persons, source: Source, *, head_from_trunk: bool = False) -> tuple[FloatArray, BoolArray]:
    """Keypoints (N,17,2) as x, y and whether each is labelled (N,17).

    COCO's eyes are not used. head_bottom is the midpoint of both shoulders; head_top lies beyond the nose as seen from
    there, 0.8 times as far again. Whether it lies inside the picture is for the one who cuts it. With
    `head_from_trunk` both stand over the trunk, about where a head is, for persons whose nose is not labelled.
    """
    xy = np.stack([persons.x, persons.y], axis=-1)
    if source == "posetrack":
        return xy, persons.labelled
    slots = index_map(COCO_KEYPOINTS, POSETRACK_KEYPOINTS)
    shared = slots >= 0
    points = np.zeros((len(persons), KEYPOINT_COUNT, 2))
    labelled = np.zeros((len(persons), KEYPOINT_COUNT), dtype=bool)
    points[:, shared], labelled[:, shared] = xy[:, slots[shared]], persons.labelled[:, slots[shared]]
    points[:, HEAD_BOTTOM] = points[:, _SHOULDERS].mean(axis=1)
    labelled[:, HEAD_BOTTOM] = labelled[:, _SHOULDERS].all(axis=1)
    points[:, HEAD_TOP] = points[:, NOSE] + _HEAD_LENGTH * (points[:, NOSE] - points[:, HEAD_BOTTOM])
    labelled[:, HEAD_TOP] = labelled[:, NOSE] & labelled[:, HEAD_BOTTOM]
    if head_from_trunk:
        guessed = ~labelled[:, NOSE] & labelled[:, HEAD_BOTTOM] & labelled[:, _HIPS].all(axis=1)
        neck = points[guessed, HEAD_BOTTOM]
        trunk = neck - points[guessed][:, _HIPS].mean(axis=1)
        for slot, height in ((NOSE, _NOSE_HEIGHT), (HEAD_TOP, _HEAD_HEIGHT)):
            points[guessed, slot], labelled[guessed, slot] = neck + height * trunk, True
    return points, labelled
