"""Person boxes from files and annotations, brought into one form."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.boxes import clip, xywh_to_xyxy, xyxy_to_xywh
from tasks.inference.videos import Video
from tasks.tables import read_table
from tasks.tables.arrays import table_of
from tasks.tables.schemas import DETECTIONS, PERSONS

_SMALLEST_SIDE_PX: Final = 1.0
_PERSON_COLUMNS: Final = (
    *("person_id", "video_id", "frame_index", "annotation_id"),
    *("box_xywh", "is_crowd", "visibility"),
)


@dataclass(frozen=True)
class PersonBox:
    """A person box in a frame of a video; `drop_reason` is that of the table detections."""

    frame_index: int
    box_xywh: tuple[float, ...]
    score: float
    drop_reason: str | None = None


class Annotations:
    """The annotated persons of all videos, read once."""

    def __init__(self, tables: Path) -> None:
        rows = read_table(PERSONS, PERSONS.path(tables), _PERSON_COLUMNS)
        self._rows = rows.filter(pc.field("video_id").is_valid())

    def boxes(self, video: Video) -> list[PersonBox]:
        """Boxes of the annotated persons of a video, by frame and annotation; score 1."""
        own = self._rows.filter(pc.field("video_id") == video.video_id)
        order = [(name, "ascending") for name in ("frame_index", "annotation_id", "person_id")]
        return [
            PersonBox(row["frame_index"], tuple(row["box_xywh"]), 1.0, _why_unused(row))
            for row in own.sort_by(order).to_pylist()
        ]


def _why_unused(person: Mapping[str, Any]) -> str | None:
    if person["is_crowd"]:
        return "crowd"
    return None if any(person["visibility"]) else "no_keypoints"


def detection_rows(
    video: Video, boxes_of_source: Mapping[str, Sequence[PersonBox]], *, score_threshold: float
) -> pa.Table:
    """Rows of the table detections; ids count the boxes of each source in frame order, dropped ones included."""
    rows = [
        {"video_id": video.video_id, "box_source": source, "detection_id": number, **asdict(box)}
        for source, boxes in boxes_of_source.items()
        for number, box in enumerate(sorted(boxes, key=lambda box: box.frame_index))
        for box in [_judged(box, video, score_threshold)]
    ]
    return table_of(DETECTIONS, {name: [row[name] for row in rows] for name in DETECTIONS.schema.names})


def _judged(box: PersonBox, video: Video, score_threshold: float) -> PersonBox:
    """The box cut to its picture, or as it is with the reason why it is passed over."""
    if box.drop_reason is None and box.score < score_threshold:
        return replace(box, drop_reason="low_score")
    whole = xywh_to_xyxy(np.array(box.box_xywh, dtype=np.float64))
    inside = xyxy_to_xywh(clip(whole, width=video.row["width"], height=video.row["height"]))
    if inside[2:].min() < _SMALLEST_SIDE_PX:
        return replace(box, drop_reason=box.drop_reason or "outside_picture")
    return replace(box, box_xywh=tuple(inside.tolist()))
