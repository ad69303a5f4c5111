"""One annotation or prediction file as poseval sees it, whichever of the two formats it has."""

from dataclasses import dataclass, field

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class PointFile:
    """Frames, N persons in frame order, and M points in the order of the persons."""

    source: str
    """File as messages name it."""
    frame_names: tuple[str, ...]
    person_frame: IntArray
    """(N,)."""
    person_place: IntArray
    """Place of the person in the file or, in PoseTrack17, in its frame, (N,)."""
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
            self.person_place[persons],
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
        """Name of the frame, and place of the person, for messages."""
        return self.frame_names[int(self.person_frame[person])], int(self.person_place[person])
