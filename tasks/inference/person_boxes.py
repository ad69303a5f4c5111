"""Person boxes from files and annotations, brought into one form."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from models.poses.boxes import clip, xywh_to_xyxy, xyxy_to_xywh
from tasks.inference.videos import Video
from tasks.tables.arrays import table_of
from tasks.tables.schemas import DETECTIONS

_SMALLEST_SIDE_PX = 1.0


@dataclass(frozen=True)
class PersonBox:
    """A person box in a frame of a video; `drop_reason` tells why later stages pass over it."""

    frame_index: int
    box_xywh: tuple[float, ...]
    score: float
    drop_reason: str | None = None


def fault_of(box_xywh: Sequence[float], score: float) -> str | None:
    """What is wrong with the numbers of a box; None when they can be used."""
    if len(box_xywh) != 4 or not all(math.isfinite(value) for value in (*box_xywh, score)):
        return f"expected a box of 4 finite numbers and a finite score, got {list(box_xywh)} and {score}"
    if min(box_xywh[2:]) <= 0:
        return f"expected a box with positive width and height, got {list(box_xywh)}"
    return None


def annotated_boxes(persons: Iterable[Mapping[str, Any]]) -> list[PersonBox]:
    """Boxes of the annotated persons of one video, by frame and annotation; score 1."""
    rows = sorted(persons, key=lambda row: (row["frame_index"], row["annotation_id"], row["person_id"]))
    return [PersonBox(row["frame_index"], tuple(row["box_xywh"]), 1.0, _why_unused(row)) for row in rows]


def _why_unused(person: Mapping[str, Any]) -> str | None:
    if person["is_crowd"]:
        return "a region of many persons"
    return None if any(person["visibility"]) else "annotated without keypoints"


def within_picture(box: PersonBox, video: Video) -> PersonBox:
    """Cut a box to its picture; one of which nothing is left keeps its place and is dropped."""
    whole = xywh_to_xyxy(np.array(box.box_xywh, dtype=np.float64))
    inside = xyxy_to_xywh(clip(whole, width=video.row["width"], height=video.row["height"]))
    if inside[2:].min() < _SMALLEST_SIDE_PX:
        return replace(box, drop_reason=box.drop_reason or "outside the picture")
    return replace(box, box_xywh=tuple(inside.tolist()))


def detection_rows(video: Video, boxes_of_source: Mapping[str, Sequence[PersonBox]]) -> pa.Table:
    """Rows of the table detections; ids count the boxes of each source in frame order."""
    video_id = video.row["video_id"]
    rows = [
        {"video_id": video_id, "box_source": source, "detection_id": number}
        | {name: getattr(box, name) for name in ("frame_index", "box_xywh", "score", "drop_reason")}
        for source, boxes in boxes_of_source.items()
        for number, box in enumerate(sorted(boxes, key=lambda box: box.frame_index))
    ]
    columns = {name: [row[name] for row in rows] for name in DETECTIONS.schema.names}
    return table_of(DETECTIONS, columns)
