"""Tracks as CSV: a row for each pose, with frame, time, identity, box and the 15 keypoints by name."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, ShownPose, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo

_POSE_COLUMNS: Final = ("track_id", "recovered", "score", "left", "top", "width", "height")
_COLUMNS: Final = (
    *("video", "frame", "seconds", *_POSE_COLUMNS),
    *(f"{name}_{part}" for _, name in KEYPOINTS for part in ("x", "y", "score")),
)


class CsvTracks:
    """One line for each pose; a frame without any has one line of frame and time, so that none is missing."""

    ending = ".csv"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; empty cells where a keypoint is not shown or the time is not known."""
        yield _lines([_COLUMNS])
        for frame in frames_with_poses(video):
            yield _lines(_rows(video.video_id, frame))


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _rows(video_id: str, frame: FrameWithPoses) -> Iterator[list[Any]]:
    start = [video_id, frame.index, frame.seconds]
    for pose in frame.poses:
        yield [*start, *_cells(pose)]
    if not frame.poses:
        yield [*start, *[None] * (len(_COLUMNS) - len(start))]


def _cells(pose: ShownPose) -> Iterator[Any]:
    yield from (pose.track_id, int(pose.is_recovered), pose.score, *pose.box_xywh)
    for index, _ in KEYPOINTS:
        yield from pose.cells(index)
