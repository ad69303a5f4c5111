"""Annotated poses of a video in a compact form, which the page draws over its clip on demand."""

import base64
from collections.abc import Mapping
from typing import Final

import numpy as np

from models.keypoints import POSETRACK_KEYPOINTS, POSEVAL_JOINTS, SKELETON
from tasks.formats.points import PointFile

BONES: Final = tuple(
    (POSEVAL_JOINTS.index(POSETRACK_KEYPOINTS[start]), POSEVAL_JOINTS.index(POSETRACK_KEYPOINTS[end]))
    for start, end in SKELETON
)
"""Limbs as pairs of indices in POSEVAL_JOINTS."""
MOST_POSES: Final = 1500
"""Of a video; more would make the page slow."""
_ABSENT: Final = 2**16 - 1
_JOINTS: Final = len(POSEVAL_JOINTS)


def packed_poses(points: PointFile, frame_of: Mapping[int, int], *, width: int, height: int) -> str:
    """Poses in base64: for each of N the frame, the identity and 15 times x and y, as little-endian uint16.

    Positions are shares of the picture's sides times 65534; 65535 stands for what is absent or outside. Empty where
    nothing fits: no size is known, there are more than MOST_POSES, or a frame number takes more than two bytes.

    Args:
        points: the annotations.
        frame_of: frame of the video by frame of the annotations; poses of other frames are left out.
        width: of the picture, px.
        height: of the picture, px.
    """
    count = len(points.person_frame)
    frames = np.array([frame_of.get(int(frame), _ABSENT) for frame in points.person_frame], dtype=np.int64)
    if width <= 0 or height <= 0 or not 0 < count <= MOST_POSES or frames.max() > _ABSENT:
        return ""
    records = np.full((count, 2 + 2 * _JOINTS), _ABSENT, dtype="<u2")
    records[:, 0] = frames
    identified = np.isfinite(points.track_id) & (points.track_id >= 0) & (points.track_id < _ABSENT)
    records[identified, 1] = points.track_id[identified].astype(np.int64)
    share = points.point_xy / [width, height]
    drawn = (points.point_joint < _JOINTS) & ((share >= 0) & (share <= 1)).all(axis=1)
    xy = np.rint(share[drawn] * (_ABSENT - 1)).astype(np.int64)
    for axis in (0, 1):
        records[points.point_person[drawn], 2 + 2 * points.point_joint[drawn] + axis] = xy[:, axis]
    return base64.b64encode(records[frames < _ABSENT].tobytes()).decode("ascii")
