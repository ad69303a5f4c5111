"""PoseTrack17 files, in which every scalar sits in a list of one."""

import math
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray
from models.metrics.sequence import JOINT_COUNT, MISSING_SCORE
from tasks.formats.errors import FormatError, location, shown
from tasks.formats.fields import Record, as_number, list_of_records, number, numbers
from tasks.formats.points import PointFile

HEAD_CORNERS: Final = ("x1", "y1", "x2", "y2")
"""Fields of the head box."""


def is_posetrack17(data: Any) -> bool:
    """Whether a file's value has PoseTrack17's outline; everything else is taken for PoseTrack18."""
    return isinstance(data, dict) and "annolist" in data


def points_of_posetrack17(source: str, data: Any, *, is_truth: bool) -> PointFile:
    """The file as poseval sees it; head boxes and ignore regions are read of ground truth only.

    Raises:
        FormatError: wherever poseval ends with an error while it reads.
    """
    frames = list_of_records(source, data, "annolist")
    reader = _RectReader(source, is_truth)
    for index, frame in enumerate(frames):
        reader.read_frame(index, frame)
    return reader.point_file()


def plain_posetrack17(data: Any) -> Any:
    """The file with numbers where texts hold numbers, and without fields of null, which poseval would stumble over."""
    if not is_posetrack17(data) or not isinstance(data["annolist"], list):
        return data
    return data | {"annolist": [_plain_frame(frame) for frame in data["annolist"]]}


def frame_name(frame: Record, index: int) -> str:
    """Name of a frame's picture, or its position where it has none."""
    image = frame.get("image")
    first = image[0] if isinstance(image, list) and image else image
    name = first.get("name") if isinstance(first, dict) else None
    return name if isinstance(name, str) else str(index)


def has_points(rect: Record) -> bool:
    """Whether a rectangle has a list of points at all; poseval removes the others."""
    points = rect.get("annopoints")
    return bool(isinstance(points, list) and points and isinstance(points[0], dict) and "point" in points[0])


def _plain_frame(frame: Any) -> Any:
    if not isinstance(frame, dict):
        return frame
    names = {"image": frame["image"]} if "image" in frame else {}
    return {"annorect": []} | _plain(frame) | names


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        # A point whose id is null is none of poseval's joints; without an id it would be an error.
        return {name: _plain(entry) for name, entry in value.items() if name == "id" or entry not in (None, [None])}
    return [_plain(entry) for entry in value] if isinstance(value, list) else as_number(value)


class _RectReader:
    """Collects the persons and points of one file."""

    def __init__(self, source: str, is_truth: bool) -> None:
        self._source, self._is_truth = source, is_truth
        self._names: list[str] = []
        self._persons: list[tuple[int, int, float, bool]] = []
        self._heads: list[list[float]] = []
        self._points: list[tuple[int, int, float, float, float]] = []
        self._polygons: dict[int, list[FloatArray]] = {}

    def read_frame(self, index: int, frame: Record) -> None:
        """Take the next frame."""
        self._names.append(frame_name(frame, index))
        rects = list_of_records(self._source, frame, "annorect", where=f"frame {self._names[-1]}")
        for position, rect in enumerate(rects):
            self._heads.append(self._head(position, rect) if self._is_truth else [np.nan] * 4)
            person = len(self._persons)
            self._persons.append((index, position, self._track_id(position, rect), has_points(rect)))
            if self._persons[-1][3]:
                self._read_points(person, position, rect["annopoints"][0])
        if self._is_truth and frame.get("ignore_regions"):
            self._polygons[index] = self._regions(frame)

    def point_file(self) -> PointFile:
        """Everything read so far."""
        persons = np.array(self._persons, dtype=np.float64).reshape(-1, 4)
        points = np.array(self._points, dtype=np.float64).reshape(-1, 5)
        heads = np.array(self._heads, dtype=np.float64).reshape(-1, 4)
        return PointFile(
            source=self._source,
            frame_names=tuple(self._names),
            person_frame=persons[:, 0].astype(np.int64),
            person_position=persons[:, 1].astype(np.int64),
            track_id=persons[:, 2],
            head_xyxy=heads,
            has_head=np.logical_not(np.all(np.isinf(heads), axis=1)),
            has_points=persons[:, 3] > 0,
            point_person=points[:, 0].astype(np.int64),
            point_joint=points[:, 1].astype(np.int64),
            point_xy=points[:, 2:4],
            point_score=points[:, 4],
            polygons=self._polygons,
        )

    def _track_id(self, position: int, rect: Record) -> float:
        if "track_id" not in rect:
            return math.nan
        identity = self._scalar(position, rect, "track_id", "a whole number below 10000")
        return math.inf if math.isnan(identity) else identity  # NaN fails the same check as a number too large

    def _head(self, position: int, rect: Record) -> list[float]:
        """Corners; all infinite where a side is missing, which matters only if the frame has predictions."""
        if any(side not in rect for side in HEAD_CORNERS):
            return [np.inf] * 4
        return [self._scalar(position, rect, side, "a number") for side in HEAD_CORNERS]

    def _read_points(self, person: int, position: int, annopoints: Record) -> None:
        where = location(frame=self._names[-1], person=position)
        for point in list_of_records(self._source, annopoints, "point", where=where):
            joint = self._joint(position, point)
            x, y = (self._scalar(position, point, axis, "a number") for axis in ("x", "y"))
            score = self._scalar(position, point, "score", "a number") if "score" in point else MISSING_SCORE
            self._points.append((person, joint, x, y, score))

    def _joint(self, position: int, point: Record) -> int:
        if point.get("id", 0) is None:
            return JOINT_COUNT
        joint = self._scalar(position, point, "id", "a joint from 0 to 14")
        return int(joint) if joint in range(JOINT_COUNT) else JOINT_COUNT

    def _scalar(self, position: int, record: Record, field: str, expected: str) -> float:
        value = record.get(field)
        inner = value[0] if isinstance(value, list) and value else None
        parsed = number(inner)
        if parsed is None:
            where = location(frame=self._names[-1], person=position, field=field)
            content = shown(value) if field in record else "nothing"
            raise FormatError(self._source, where, f"{expected} in a list", content)
        return parsed

    def _regions(self, frame: Record) -> list[FloatArray]:
        where = location(frame=self._names[-1])
        regions = []
        for region in list_of_records(self._source, frame, "ignore_regions", where=where):
            corners = list_of_records(self._source, region, "point", where=f"{where}, field ignore_regions")
            pairs = [[corner.get(axis, [None])[:1] for axis in ("x", "y")] for corner in corners if _has_lists(corner)]
            polygon = numbers(pairs, 2) if len(pairs) == len(corners) else None
            if polygon is None:
                raise FormatError(self._source, f"{where}, field ignore_regions", "points with x and y", shown(corners))
            regions.append(polygon)
        return regions


def _has_lists(corner: Record) -> bool:
    return isinstance(corner.get("x"), list) and isinstance(corner.get("y"), list)
