"""Tracks as JSON lines: one object for each frame, with the persons in it and their keypoints by name."""

import json
from collections.abc import Iterator
from typing import Any

from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, ShownPose, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo


class JsonLines:
    """One line for each frame, also where nobody is in it."""

    ending = ".jsonl"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; keypoints that are not shown are left out."""
        for frame in frames_with_poses(video):
            yield f"{json.dumps(_frame(video.video_id, frame))}\n".encode()


def _frame(video_id: str, frame: FrameWithPoses) -> dict[str, Any]:
    persons = [_person(pose) for pose in frame.poses]
    return {"video": video_id, "frame": frame.index, "seconds": frame.seconds, "persons": persons}


def _person(pose: ShownPose) -> dict[str, Any]:
    return {
        **{"track_id": pose.track_id, "recovered": pose.is_recovered, "score": pose.score, "box_xywh": pose.box_xywh},
        "keypoints": {name: list(pose.cells(index)) for index, name in KEYPOINTS if pose.is_shown[index]},
    }
