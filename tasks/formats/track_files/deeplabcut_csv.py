"""Tracks in the CSV form of multi-animal DeepLabCut, which tools for behaviour read: a row for each frame."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from tasks.formats.track_files.shown_poses import KEYPOINTS, FrameWithPoses, ShownPose, frames_with_poses
from tasks.formats.tracked_video import TrackedVideo

SCORER: Final = "corrtrack"
LEVELS: Final = ("individuals", "bodyparts", "coords")
COORDS: Final = ("x", "y", "likelihood")


class DeepLabCutCsv:
    """Four header rows (scorer, individuals, bodyparts, coords), then a row for each frame, from 0.

    An individual is a track, named person and its track_id; cells of frames that it is not in are empty. The form has
    no place for times.
    """

    ending = ".csv"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; of a keypoint that is not shown only the likelihood is given."""
        frames = list(frames_with_poses(video))
        tracks = sorted({pose.track_id for frame in frames for pose in frame.poses})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = column_names(tracks)
        writer.writerow(["scorer", *[SCORER] * len(columns)])
        for level, title in enumerate(LEVELS):
            writer.writerow([title, *(column[level] for column in columns)])
        writer.writerows(row_of_frame(frame, tracks) for frame in frames)
        yield text.getvalue().encode()


def column_names(tracks: list[int]) -> list[tuple[str, str, str]]:
    """Individual, body part and coordinate of each column."""
    return [(f"person{track}", name, part) for track in tracks for _, name in KEYPOINTS for part in COORDS]


def row_of_frame(frame: FrameWithPoses, tracks: list[int]) -> list[Any]:
    """The frame's index and its cells; None where a keypoint is not shown or a track is elsewhere."""
    poses = {pose.track_id: pose for pose in frame.poses}
    empty = [None] * (len(KEYPOINTS) * len(COORDS))
    cells = ([*_cells(poses[track])] if track in poses else empty for track in tracks)
    return [frame.index, *(cell for part in cells for cell in part)]


def _cells(pose: ShownPose) -> Iterator[float | None]:
    for index, _ in KEYPOINTS:
        yield from pose.cells(index)
