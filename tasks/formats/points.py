"""One annotation or prediction file as poseval sees it, whichever of the two formats it has."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics.sequence import repeated_rows
from tasks.formats.errors import FormatError, location

ID_LIMIT: Final = 10_000
"""poseval counts identities of a sequence below this."""


@dataclass(frozen=True)
class PointFile:
    """Frames, N persons in frame order, and M points in the order of the persons."""

    source: str
    """File as messages name it."""
    frame_names: tuple[str, ...]
    person_frame: IntArray
    """(N,)."""
    person_position: IntArray
    """Position of the person in the file or, in PoseTrack17, in its frame, (N,)."""
    track_id: FloatArray
    """(N,); NaN where a PoseTrack17 rectangle has none."""
    head_xyxy: FloatArray
    """(N, 4); NaN where there is no head box."""
    has_head: BoolArray
    """(N,)."""
    has_points: BoolArray
    """Whether the person has a list of points at all, be it empty, (N,)."""
    point_person: IntArray
    """(M,), never decreasing."""
    point_joint: IntArray
    """Index in POSEVAL_JOINTS, (M,); 15 for points that no joint looks up."""
    point_xy: FloatArray
    """Pixels, (M, 2)."""
    point_score: FloatArray
    """(M,); MISSING_SCORE where the file has none."""
    polygons: dict[int, list[FloatArray]] = field(default_factory=dict)
    """Ignore regions by frame, (corners, 2) each, only frames that have some."""

    def select(self, persons: BoolArray) -> "PointFile":
        """The file with only some of its persons, (N,) bool."""
        renumbered = np.cumsum(persons) - 1
        points = persons[self.point_person]
        return PointFile(
            self.source,
            self.frame_names,
            self.person_frame[persons],
            self.person_position[persons],
            self.track_id[persons],
            self.head_xyxy[persons],
            self.has_head[persons],
            self.has_points[persons],
            renumbered[self.point_person[points]],
            self.point_joint[points],
            self.point_xy[points],
            self.point_score[points],
            self.polygons,
        )

    def describe_person(self, person: int) -> tuple[str, int]:
        """Name of the frame, and position of the person, for messages."""
        return self.frame_names[int(self.person_frame[person])], int(self.person_position[person])


def check_predictions(predicted: PointFile) -> None:
    """Identities of a prediction file.

    Raises:
        FormatError: one is 10000 or more, or occurs twice in a frame.
    """
    check_identities(predicted)
    repeated = repeated_rows(predicted.person_frame, predicted.track_id)  # no NaN equals another
    if repeated.size:
        frame, person = predicted.describe_person(int(repeated[0]))
        identity = f"{predicted.track_id[repeated[0]]:g} twice"
        where = location(frame=frame, person=person, field="track_id")
        raise FormatError(predicted.source, where, "unique identities in each frame", identity)


def check_identities(side: PointFile) -> None:
    """Raise FormatError for an identity that poseval cannot count."""
    too_large = np.flatnonzero(side.track_id >= ID_LIMIT)
    if too_large.size:
        frame, person = side.describe_person(int(too_large[0]))
        where = location(frame=frame, person=person, field="track_id")
        raise FormatError(side.source, where, "an identity below 10000", f"{side.track_id[too_large[0]]:g}")
