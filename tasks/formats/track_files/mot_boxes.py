"""Tracks as boxes in MOTChallenge form, which MOT evaluators and trackers read."""

from collections.abc import Iterator

from tasks.formats.track_files.shown_poses import frames_with_poses
from tasks.formats.tracked_video import TrackedVideo


class MotBoxes:
    """Lines of frame, id, left, top, width, height, score, -1, -1, -1; frames and pixels are counted from 1.

    The boxes are those around the shown keypoints. The form has no line for a frame without persons.
    """

    ending = ".txt"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; a rejected picture keeps its number, as in files of detections."""
        for frame in frames_with_poses(video):
            number = frame.index + 1 if video.is_annotated else frame.row["image_id"]
            for pose in frame.poses:
                left, top, width, height = pose.box_xywh
                box = f"{left + 1:.3f},{top + 1:.3f},{width:.3f},{height:.3f}"
                yield f"{number},{pose.track_id},{box},{pose.score:.3f},-1,-1,-1\n".encode()
