"""Tracks as PoseTrack18 and PoseTrack17 prediction files, which any evaluator of PoseTrack reads."""

from collections import defaultdict
from typing import Any, Final

import numpy as np

from models.arrays import IntArray
from models.keypoints import KEYPOINT_COUNT, POSEVAL_FROM_POSETRACK
from tasks.formats.fields import Record
from tasks.formats.json_files import json_text
from tasks.formats.posetrack_conversion import CATEGORY, whole_or_real
from tasks.formats.tracked_video import TrackedVideo

_JOINT_OF_KEYPOINT: Final = {int(channel): joint for joint, channel in enumerate(POSEVAL_FROM_POSETRACK)}
"""poseval's id of each body keypoint, by its index in PoseTrack's order."""


class Posetrack18Tracks:
    """PoseTrack18: images, annotations and one category, as COCO has them."""

    ending = ".json"

    def content(self, video: TrackedVideo) -> bytes:
        """See `TrackFormat`; the file names of `images` are written as they are."""
        return json_text(posetrack18_document(video)).encode()


class Posetrack17Tracks:
    """PoseTrack17: a list of frames with their persons, every scalar in a list of one."""

    ending = ".json"

    def content(self, video: TrackedVideo) -> bytes:
        """See `TrackFormat`; the file names of `images` are written as they are."""
        rects: dict[int, list[Record]] = defaultdict(list)
        for row in _shown_rows(video):
            rects[int(video.image_id[row])].append(_rect(video, row))
        return json_text({"annolist": [_frame(image, rects[image["id"]]) for image in video.images]}).encode()


def posetrack18_document(video: TrackedVideo) -> Record:
    """The tracks in PoseTrack18 form: a keypoint that is not shown is three zeros, its score stays."""
    xy = np.where(video.is_shown[..., None], video.xy, 0.0)
    keypoints = np.concatenate([xy, video.is_shown[..., None]], axis=2).reshape(-1, KEYPOINT_COUNT * 3)
    annotations = [
        {
            "id": row,
            "image_id": int(video.image_id[row]),
            "category_id": 1,
            "track_id": int(video.track_id[row]),
            "keypoints": keypoints[row].tolist(),
            "scores": video.score[row].tolist(),
        }
        for row in _shown_rows(video)
    ]
    return {"images": video.images, "annotations": annotations, "categories": [CATEGORY]}


def _shown_rows(video: TrackedVideo) -> list[int]:
    rows: IntArray = np.flatnonzero(video.is_shown.any(axis=1))
    return [int(row) for row in rows]


def _rect(video: TrackedVideo, row: int) -> Record:
    points = [
        _point(_JOINT_OF_KEYPOINT[index], video.xy[row, index].tolist(), float(video.score[row, index]))
        for index in np.flatnonzero(video.is_shown[row]).tolist()
        if index in _JOINT_OF_KEYPOINT
    ]
    return {"track_id": [int(video.track_id[row])], "annopoints": [{"point": points}]}


def _point(joint: int, xy: Any, score: float) -> Record:
    x, y = map(whole_or_real, xy)
    return {"id": [joint], "x": [x], "y": [y], "is_visible": [1], "score": [score]}


def _frame(image: Record, rects: list[Record]) -> Record:
    is_labelled = bool(image.get("is_labeled", rects))
    return {"image": [{"name": image["file_name"]}], "annorect": rects, "is_labeled": [int(is_labelled)]}
