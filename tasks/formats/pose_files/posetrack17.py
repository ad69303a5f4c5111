"""PoseTrack17 files, by the reader that scoring uses."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from models.keypoints import POSEVAL_JOINTS
from models.metrics.sequence import MISSING_SCORE
from tasks.formats.pose_files.records import FrameRecord, Person
from tasks.formats.pose_files.source import Document
from tasks.formats.posetrack17 import plain_posetrack17, points_of_posetrack17


def frames(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """Every frame of the file, known by its picture; persons as arrays (15,3) in poseval's order.

    A keypoint without score has 1; joint ids that poseval does not know are passed over.
    """
    for name, document in documents:
        points = points_of_posetrack17(name or "file", plain_posetrack17(document), is_truth=False)
        keypoints = np.zeros((len(points.person_frame), len(POSEVAL_JOINTS), 3))
        known = points.point_joint < len(POSEVAL_JOINTS)
        score = np.where(points.point_score == MISSING_SCORE, 1.0, points.point_score)
        values = np.column_stack([points.point_xy, score])
        keypoints[points.point_person[known], points.point_joint[known]] = values[known]
        for position, frame in enumerate(points.frame_names):
            yield FrameRecord(frame, [*keypoints[points.person_frame == position]])


def names(document: Any) -> tuple[str, ...]:
    """Poseval's 15 joints, which are the format's."""
    return POSEVAL_JOINTS


def person(record: Any) -> Person:
    """The array that `frames` gives; the format has no score of a whole person."""
    return Person(record)
