"""Tracks as COCO annotations of a video's frames, with `track_id` and `keyframe`: CVAT and FiftyOne import them."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from models.keypoints import POSETRACK_KEYPOINTS, SKELETON
from tasks.formats.fields import Record
from tasks.formats.json_files import json_pieces
from tasks.formats.track_files.shown_poses import FrameWithPoses, ShownPose, frames_with_poses, rounded
from tasks.formats.tracked_video import TrackedVideo

_CATEGORY: Final = {
    **{"id": 1, "name": "person", "supercategory": "person", "keypoints": list(POSETRACK_KEYPOINTS)},
    "skeleton": [[start + 1, end + 1] for start, end in SKELETON],
}
_SHOWN: Final = 2
"""COCO's flag of a keypoint that is labelled and visible."""


class CocoVideoTracks:
    """COCO keypoint annotations: one video, all of its frames as images, and an annotation for each pose.

    CVAT joins annotations to tracks by `track_id` where `keyframe` is true; it reads both from `attributes`.
    """

    ending = ".json"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; frames of a video file have the names that CVAT gives them."""
        size = {"width": video.width, "height": video.height}
        poses = ((frame, pose) for frame in frames_with_poses(video) for pose in frame.poses)
        document = {
            "info": {"description": f"tracks of {video.video_id}"},
            "licenses": [],
            "videos": [{"id": 1, "name": video.video_id, **size, "fps": video.frames_per_second}],
            "images": (_image(video, row) | size for row in video.frames),
            "annotations": (_annotation(*pair) | {"id": number} for number, pair in enumerate(poses, start=1)),
            "categories": [_CATEGORY],
        }
        yield from json_pieces(document)


def _image(video: TrackedVideo, row: Record) -> Record:
    return {
        **{"id": row["image_id"], "file_name": _file_name(video, row)},
        **{"video_id": 1, "frame_id": row["frame_index"], "seconds": row["seconds"]},
    }


def _file_name(video: TrackedVideo, row: Record) -> str:
    if video.is_annotated:
        return str(row["file_name"])
    path, index = row["path"], row["frame_index"]
    return f"{video.video_id}/{PurePosixPath(path).name if path else f'frame_{index:06d}.jpg'}"


def _annotation(frame: FrameWithPoses, pose: ShownPose) -> Record:
    marks = np.column_stack([np.where(pose.is_shown[:, None], pose.xy, 0.0), _SHOWN * pose.is_shown])
    box = pose.box_xywh
    track = {"track_id": pose.track_id, "keyframe": True}
    return {
        **{"image_id": frame.row["image_id"], "category_id": 1, "iscrowd": 0},
        **{"bbox": box, "area": rounded(box[2] * box[3]), "score": pose.score},
        "keypoints": [int(value) if value.is_integer() else rounded(value) for value in marks.ravel().tolist()],
        **{"num_keypoints": int(pose.is_shown.sum()), **track},
        "attributes": {**track, "occluded": False, "recovered": pose.is_recovered},
    }
