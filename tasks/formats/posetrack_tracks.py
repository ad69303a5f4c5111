"""Tracks as PoseTrack18 and PoseTrack17 prediction files, which any evaluator of PoseTrack reads."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from models.keypoints import POSEVAL_FROM_POSETRACK
from tasks.formats.fields import Record
from tasks.formats.json_files import json_pieces
from tasks.formats.posetrack_conversion import CATEGORY, whole_or_real
from tasks.formats.tracked_video import TrackedVideo, TrackedWindow

_JOINT_OF_KEYPOINT: Final = {int(channel): joint for joint, channel in enumerate(POSEVAL_FROM_POSETRACK)}
"""poseval's id of each body keypoint, by its index in PoseTrack's order."""


class Posetrack18Tracks:
    """PoseTrack18: images, annotations and one category, as COCO has them."""

    ending = ".json"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; the file names of `images` are written as they are."""
        yield from json_pieces(_posetrack18(video))


class Posetrack17Tracks:
    """PoseTrack17: a list of frames with their persons, every scalar in a list of one."""

    ending = ".json"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; the file names of `images` are written as they are."""
        rects: dict[int, list[Record]] = defaultdict(list)
        for window in video.windows:
            for row in window.shown_poses:
                rects[int(window.image_id[row])].append(_rect(window, row))
        yield from json_pieces({"annolist": (_frame(image, rects[image["id"]]) for image in video.images)})


def posetrack18_document(video: TrackedVideo) -> Record:
    """The tracks in PoseTrack18 form: a keypoint that is not shown is three zeros, its score stays."""
    document = _posetrack18(video)
    return {name: list(records) for name, records in document.items()}


def _posetrack18(video: TrackedVideo) -> dict[str, Iterator[Record]]:
    annotations = (_annotation(window, row) for window in video.windows for row in window.shown_poses)
    return {"images": video.images, "annotations": annotations, "categories": iter([CATEGORY])}


def _annotation(window: TrackedWindow, row: int) -> Record:
    shown = window.is_shown[row][:, None]
    return {
        "id": window.first_pose + row,
        "image_id": int(window.image_id[row]),
        "category_id": 1,
        "track_id": int(window.track_id[row]),
        "keypoints": np.concatenate([np.where(shown, window.xy[row], 0.0), shown], axis=1).ravel().tolist(),
        "scores": window.score[row].tolist(),
    }


def _rect(window: TrackedWindow, row: int) -> Record:
    points = [
        _point(_JOINT_OF_KEYPOINT[index], window.xy[row, index].tolist(), float(window.score[row, index]))
        for index in np.flatnonzero(window.is_shown[row]).tolist()
        if index in _JOINT_OF_KEYPOINT
    ]
    return {"track_id": [int(window.track_id[row])], "annopoints": [{"point": points}]}


def _point(joint: int, xy: Any, score: float) -> Record:
    x, y = map(whole_or_real, xy)
    return {"id": [joint], "x": [x], "y": [y], "is_visible": [1], "score": [score]}


def _frame(image: Record, rects: list[Record]) -> Record:
    is_labelled = bool(image.get("is_labeled", rects))
    return {"image": [{"name": image["file_name"]}], "annorect": rects, "is_labeled": [int(is_labelled)]}
