"""PoseTrack18 files (COCO-like) as the official conversion reads them."""

import math
from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from models.arrays import FloatArray, IntArray
from models.keypoints import POSEVAL_JOINTS
from models.metrics.sequence import MISSING_SCORE
from tasks.formats.errors import FormatError, location, shown
from tasks.formats.fields import Record, first_bad, is_of, list_of_records, number, numbers, person_category
from tasks.formats.points import PointFile
from tasks.formats.posetrack_names import is_one_foreign_video, video_token


@dataclass(frozen=True)
class Posetrack18File:
    """The three lists of a file; images and annotations are known to be objects, nothing else is checked."""

    source: str
    images: list[Record]
    annotations: list[Record]
    categories: Any
    """What stands under `categories`, without others than the person; None if nothing does."""
    others: int = 0
    """Annotations of other categories, which are left out."""

    @cached_property
    def keypoint_table(self) -> FloatArray:
        """All `keypoints` as (N, values); no columns at all if they are not equally many numbers each."""
        rows = [entry.get("keypoints") for entry in self.annotations]
        width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
        values = numbers(rows, width)
        return np.empty((len(rows), 0)) if values is None else values


def open_posetrack18(source: str, data: Any) -> Posetrack18File:
    """Check the outline of a file, and leave out what is of other categories than the person.

    Raises:
        FormatError: no list of images or annotations.
    """
    images = images_of_posetrack18(source, data)
    annotations = list_of_records(source, data, "annotations")
    person = person_category(data.get("categories"))
    if person is None:
        return Posetrack18File(source, images, annotations, data.get("categories"))
    persons = [entry for entry in annotations if is_of(entry, person.get("id"))]
    return Posetrack18File(source, images, persons, [person], others=len(annotations) - len(persons))


def images_of_posetrack18(source: str, data: Any) -> list[Record]:
    """The images of a file, which may have no annotations, as those of the test split.

    Raises:
        FormatError: no list of images.
    """
    return list_of_records(source, data, "images")


def keypoint_columns(file: Posetrack18File) -> IntArray:
    """For each keypoint channel of the file its index in POSEVAL_JOINTS, -1 for other names; 15 or 17 channels.

    Raises:
        FormatError: not exactly one category "person" with 15 or 17 names that contain all 15 joints.
    """
    where, expected = "field categories", 'one category "person" with the names of 15 or 17 keypoints'
    if file.categories is None:
        raise FormatError(file.source, where, f"{expected} (in prediction files too)", "nothing")
    entries = file.categories if isinstance(file.categories, list) else []
    category = entries[0] if len(entries) == 1 and isinstance(entries[0], dict) else {}
    names = category.get("keypoints")
    if category.get("name") != "person" or not isinstance(names, list) or len(names) not in (15, 17):
        raise FormatError(file.source, where, expected, shown(file.categories))
    missing = [name for name in POSEVAL_JOINTS if name not in names]
    if missing:
        raise FormatError(file.source, f"{where}, keypoints", f"all 15 joints ({missing[0]} is missing)", shown(names))
    return np.array([POSEVAL_JOINTS.index(name) if name in POSEVAL_JOINTS else -1 for name in names])


def points_of_posetrack18(file: Posetrack18File) -> PointFile:
    """The first video of the file as poseval sees it.

    Raises:
        FormatError: wherever the official conversion ends with an error, unless for the names of a foreign video.
    """
    columns = keypoint_columns(file)
    records = _images_by_position(file)
    kept = _frames_of_first_video(file, records)
    frames, annotations = _annotations_by_frame(file)
    names = tuple(record["file_name"] for record in records)
    persons = [file.annotations[index] for index in annotations]
    reader = _PersonReader(file.source, persons, [names[frame] for frame in frames], annotations)
    track_ids, heads, scores = reader.track_ids(), reader.heads(), reader.scores(columns)
    is_even = file.keypoint_table.shape[1] == 3 * len(columns)
    keypoints = file.keypoint_table[annotations] if is_even else reader.keypoints(3 * len(columns))
    keypoints = keypoints.reshape(-1, len(columns), 3)
    in_video = np.isin(frames, kept)
    annotated = (keypoints != 0).any(axis=2) & (columns >= 0)
    person, channel = np.nonzero(annotated)
    every_person = PointFile(
        source=file.source,
        frame_names=tuple(names[frame] for frame in kept),
        person_frame=np.searchsorted(kept, frames),
        person_position=annotations,
        track_id=track_ids,
        head_xyxy=heads,
        has_head=np.array(["bbox_head" in person for person in persons], dtype=bool),
        has_points=np.ones(len(persons), dtype=bool),
        point_person=person,
        point_joint=columns[channel],
        point_xy=keypoints[person, channel, :2],
        point_score=scores[person, channel],
        polygons=_polygons(file.source, [records[frame] for frame in kept]),
    )
    return every_person if in_video.all() else every_person.select(in_video)


def unknown_image_annotations(file: Posetrack18File) -> int:
    """Number of annotations whose image_id is no image of the file."""
    known = {image.get("id") for image in file.images if _hashable(image.get("id"))}
    return sum(not _hashable(entry.get("image_id")) or entry.get("image_id") not in known for entry in file.annotations)


def _hashable(value: Any) -> bool:
    return isinstance(value, int | float | str) or value is None


def _images_by_position(file: Posetrack18File) -> list[Record]:
    """For each position in the list the first image with that id: what the official conversion reads."""
    if not file.images:
        raise FormatError(file.source, "field images", "at least one image", "an empty list")
    first: dict[Any, Record] = {}
    for index, image in enumerate(file.images):
        if "id" not in image or not _hashable(image["id"]):
            content = shown(image["id"]) if "id" in image else "nothing"
            raise FormatError(file.source, f"field images[{index}], id", "a number", content)
        first.setdefault(image["id"], image)
    return [first[image["id"]] for image in file.images]


def _frames_of_first_video(file: Posetrack18File, records: Many[Record]) -> IntArray:
    names = [record.get("file_name") for record in records]
    if is_one_foreign_video(names):
        return np.arange(len(names))
    tokens = [video_token(file.source, name) for name in names]
    return np.array([index for index, token in enumerate(tokens) if token == tokens[0]], dtype=np.int64)


def _annotations_by_frame(file: Posetrack18File) -> tuple[IntArray, IntArray]:
    """Position of the image and of the annotation for every person, in frame order; unknown images are left out."""
    positions: dict[Any, list[int]] = {}
    for index, image in enumerate(file.images):
        positions.setdefault(image["id"], []).append(index)
    pairs = [
        (frame, index)
        for index, entry in enumerate(file.annotations)
        for frame in _frames_of(file, entry, index, positions)
    ]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    table = table[np.argsort(table[:, 0], kind="stable")]
    return table[:, 0], table[:, 1]


def _frames_of(file: Posetrack18File, entry: Record, index: int, positions: dict[Any, list[int]]) -> Iterable[int]:
    if "image_id" not in entry:
        raise FormatError(file.source, location(person=index, field="image_id"), "the id of an image", "nothing")
    image_id = entry["image_id"]
    return positions.get(image_id, ()) if _hashable(image_id) else ()


def _polygons(source: str, records: Many[Record]) -> dict[int, list[FloatArray]]:
    polygons = {}
    for frame, record in enumerate(records):
        if "ignore_regions_x" in record and "ignore_regions_y" in record:
            regions = polygons_of_image(source, record)
            if regions:
                polygons[frame] = regions
    return polygons


def polygons_of_image(source: str, record: Record) -> list[FloatArray]:
    """Ignore regions of an image that has both keys, (corners, 2) each; the shorter of two lists counts.

    Raises:
        FormatError: they are not lists of lists of numbers.
    """
    where = location(frame=shown(record.get("file_name")), field="ignore_regions")
    columns, rows = record["ignore_regions_x"], record["ignore_regions_y"]
    if columns is None or rows is None or not isinstance(columns, list) or not isinstance(rows, list):
        raise FormatError(source, where, "two lists of polygons", shown([columns, rows]))
    regions = []
    for x, y in zip(columns, rows, strict=False):
        corners = [*zip(x, y, strict=False)] if isinstance(x, list) and isinstance(y, list) else None
        polygon = numbers(corners, 2) if corners is not None else None
        if polygon is None:
            raise FormatError(source, where, "lists of numbers", shown([x, y]))
        regions.append(polygon)
    return regions


class _PersonReader:
    """The numeric fields of persons, as arrays; on failure it finds the person to blame."""

    def __init__(self, source: str, persons: list[Record], frames: list[str], positions: IntArray) -> None:
        self._source, self._persons, self._frames, self._positions = source, persons, frames, positions

    def track_ids(self) -> FloatArray:
        """(N,)."""
        values = []
        for index, person in enumerate(self._persons):
            value = number(person.get("track_id"))
            if value is None or math.isnan(value):
                content = shown(person["track_id"]) if "track_id" in person else "nothing"
                raise self._error(index, "track_id", "a whole number below 10000", content)
            values.append(value)
        return np.array(values, dtype=np.float64)

    def keypoints(self, width: int) -> FloatArray:
        """(N, width)."""
        return self._column("keypoints", width, [person.get("keypoints") for person in self._persons])

    def heads(self) -> FloatArray:
        """Head boxes as x1, y1, x2, y2, (N, 4); NaN where there is none."""
        boxes = np.full((len(self._persons), 4), np.nan)
        having = [index for index, person in enumerate(self._persons) if "bbox_head" in person]
        raw = [self._persons[index]["bbox_head"] for index in having]
        cut = [box[:4] if isinstance(box, list) else box for box in raw]
        xywh = self._column("bbox_head", 4, cut, having)
        boxes[having] = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
        return boxes

    def scores(self, columns: IntArray) -> FloatArray:
        """(N, channels); absent and empty lists give MISSING_SCORE, as do channels past the end that no joint needs."""
        scores = np.full((len(self._persons), len(columns)), MISSING_SCORE)
        having = [index for index, person in enumerate(self._persons) if person.get("scores")]
        raw = [self._persons[index]["scores"] for index in having]
        needed = int(np.flatnonzero(columns >= 0)[-1]) + 1
        width = len(columns) if all(isinstance(row, list) and len(row) >= len(columns) for row in raw) else needed
        cut = [row[:width] if isinstance(row, list) else row for row in raw]
        scores[having, :width] = self._column("scores", width, cut, having)
        return scores

    def _column(self, field: str, width: int, rows: list[Any], persons: Many[int] | None = None) -> FloatArray:
        values = numbers(rows, width)
        if values is not None:
            return values
        bad = first_bad(rows, width)
        content = f"{len(rows[bad])} values {shown(rows[bad])}" if isinstance(rows[bad], list) else shown(rows[bad])
        raise self._error(persons[bad] if persons is not None else bad, field, f"{width} numbers", content)

    def _error(self, person: int, field: str, expected: str, content: str) -> FormatError:
        where = location(frame=self._frames[person], person=int(self._positions[person]), field=field)
        return FormatError(self._source, where, expected, content)
