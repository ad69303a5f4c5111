"""PoseTrack's keypoints of COCO persons, for correspondence training: any point of a picture is exact supervision."""

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.keypoints import COCO_KEYPOINTS, KEYPOINT_COUNT, POSETRACK_KEYPOINTS, head_bottom, head_top, index_map

NOSE, HEAD_BOTTOM, HEAD_TOP = (POSETRACK_KEYPOINTS.index(name) for name in ("nose", "head_bottom", "head_top"))
_SHOULDERS = index_map(POSETRACK_KEYPOINTS, ("left_shoulder", "right_shoulder"))
_HIPS = index_map(POSETRACK_KEYPOINTS, ("left_hip", "right_hip"))
_NOSE_HEIGHT, _HEAD_HEIGHT = 0.35, 0.65
"""Of nose and head_top above head_bottom, in lengths of the trunk."""


def posetrack_from_coco(
    xy: FloatArray, labelled: BoolArray, *, head_from_trunk: bool = False
) -> tuple[FloatArray, BoolArray]:
    """Derive PoseTrack's keypoints from COCO's.

    The eyes are not used. head_bottom is the midpoint of both shoulders. head_top lies on the line from there through
    the nose, 0.8 of their distance beyond it; it may lie outside the picture.

    Args:
        xy: (N,17,2) px, COCO's order.
        labelled: (N,17).
        head_from_trunk: put nose and head_top above the trunk, about where a head is, for persons whose nose is not
            labelled.

    Returns:
        (N,17,2) px and (N,17) whether each is labelled, PoseTrack's order.
    """
    coco_index = index_map(COCO_KEYPOINTS, POSETRACK_KEYPOINTS)
    shared = coco_index >= 0
    points = np.zeros((len(xy), KEYPOINT_COUNT, 2))
    known = np.zeros((len(xy), KEYPOINT_COUNT), dtype=bool)
    points[:, shared], known[:, shared] = xy[:, coco_index[shared]], labelled[:, coco_index[shared]]
    points[:, HEAD_BOTTOM] = head_bottom(points[:, _SHOULDERS])
    known[:, HEAD_BOTTOM] = known[:, _SHOULDERS].all(axis=1)
    points[:, HEAD_TOP] = head_top(points[:, NOSE], points[:, HEAD_BOTTOM])
    known[:, HEAD_TOP] = known[:, NOSE] & known[:, HEAD_BOTTOM]
    if head_from_trunk:
        headless = ~known[:, NOSE] & known[:, HEAD_BOTTOM] & known[:, _HIPS].all(axis=1)
        neck = points[headless, HEAD_BOTTOM]
        trunk = neck - points[headless][:, _HIPS].mean(axis=1)
        for keypoint, height in ((NOSE, _NOSE_HEIGHT), (HEAD_TOP, _HEAD_HEIGHT)):
            points[headless, keypoint], known[headless, keypoint] = neck + height * trunk, True
    return points, known
