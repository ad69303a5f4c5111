"""Person boxes of any source in one form, and as rows of the table detections."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.boxes import clip, xywh_to_xyxy, xyxy_to_xywh
from tasks.inference.videos import Video
from tasks.tables import read_table
from tasks.tables.arrays import table_of
from tasks.tables.by_video import RowsByVideo, row_bytes
from tasks.tables.schemas import DETECTIONS, PERSONS

_SMALLEST_SIDE_PX: Final = 1.0
_BLOCK: Final = 1024
"""Rows that are Python objects at a time."""
_PERSON_COLUMNS: Final = (
    *("person_id", "video_id", "frame_index", "annotation_id"),
    *("box_xywh", "is_crowd", "visibility"),
)


@dataclass(frozen=True)
class PersonBox:
    """A person box in a frame of a video.

    Attributes:
        frame_index: the frame.
        box_xywh: left, top, width, height, px.
        score: the detector's score; 1 for annotated boxes.
        drop_reason: that of the table detections.
    """

    frame_index: int
    box_xywh: tuple[float, ...]
    score: float
    drop_reason: str | None = None


class Annotations:
    """The annotated persons of all videos, read once."""

    def __init__(self, tables: Path) -> None:
        rows = read_table(PERSONS, PERSONS.path(tables), _PERSON_COLUMNS)
        self._rows = RowsByVideo(rows.filter(pc.field("video_id").is_valid()))

    def bytes_of(self, video_id: str) -> bytes:
        """Return what `boxes` are made from, equal as long as they are."""
        return row_bytes(self._rows.of(video_id))

    def boxes(self, video_id: str, frames: range | None = None) -> list[PersonBox]:
        """Return the boxes of the annotated persons of a video, or of some frames of it, by frame and annotation."""
        chosen = self._rows
        rows = chosen.of(video_id) if frames is None else chosen.in_frames(video_id, frames.start, frames.stop)
        order = [(name, "ascending") for name in ("frame_index", "annotation_id", "person_id")]
        return [
            PersonBox(row["frame_index"], tuple(row["box_xywh"]), 1.0, _why_dropped(row))
            for row in rows.sort_by(order).to_pylist()
        ]


def _why_dropped(person: Mapping[str, Any]) -> str | None:
    if person["is_crowd"]:
        return "crowd"
    return None if any(person["visibility"]) else "no_keypoints"


def detection_rows(
    video: Video, boxes_of_source: Mapping[str, Sequence[PersonBox]], *, score_threshold: float
) -> pa.Table:
    """Return rows of the table detections; ids count the boxes of a source in frame order, dropped ones included.

    Args:
        video: the video, whose width and height cut the boxes.
        boxes_of_source: boxes by box source, detected or annotated.
        score_threshold: boxes of a lower score are dropped.
    """
    rows = (
        {"video_id": video.video_id, "box_source": source, "detection_id": number, **asdict(box)}
        for source, boxes in boxes_of_source.items()
        for number, box in enumerate(sorted(boxes, key=lambda box: box.frame_index))
        for box in [_checked(box, video, score_threshold)]
    )
    blocks = iter(lambda: list(islice(rows, _BLOCK)), [])
    return pa.concat_tables([DETECTIONS.schema.empty_table(), *map(_table, blocks)])


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return table_of(DETECTIONS, {name: [row[name] for row in rows] for name in DETECTIONS.schema.names})


def numbered_by_source(rows: pa.Table, box_sources: Sequence[str]) -> pa.Table:
    """Rows of frame ranges, one after the other, as `detection_rows` gives them for the whole video."""
    return pa.concat_tables(
        numbered(rows.filter(pc.equal(rows["box_source"], pa.scalar(source, rows["box_source"].type))))
        for source in box_sources
    )


def numbered(rows: pa.Table) -> pa.Table:
    """Rows of one source in frame order, with `detection_id` counting them."""
    column = rows.schema.get_field_index("detection_id")
    field = rows.schema.field(column)
    return rows.set_column(column, field, pa.array(range(len(rows)), field.type))


def _checked(box: PersonBox, video: Video, score_threshold: float) -> PersonBox:
    """Return the box cut to its picture, or as it is with the reason why it is dropped."""
    if box.drop_reason is None and box.score < score_threshold:
        return replace(box, drop_reason="low_score")
    whole = xywh_to_xyxy(np.array(box.box_xywh, dtype=np.float64))
    inside = xyxy_to_xywh(clip(whole, width=video.row["width"], height=video.row["height"]))
    if inside[2:].min() < _SMALLEST_SIDE_PX:
        return replace(box, drop_reason=box.drop_reason or "outside_picture")
    return replace(box, box_xywh=tuple(inside.tolist()))


def why_all_dropped(rows: pa.Table, *, threshold: str) -> str | None:
    """Explain why no detected box of a video is used; None where one is used, or none was found.

    Args:
        rows: the video's rows of the table detections.
        threshold: the least score of a box that is used, in words.
    """
    detected = rows.filter(pc.field("box_source") == "detected")
    reasons = Counter(detected["drop_reason"].to_pylist())
    if not reasons or reasons[None]:
        return None
    counts = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(reasons.items()))
    highest = pc.max(detected["score"]).as_py()
    return f"all {len(detected)} detected boxes are dropped: {counts}; {threshold}, the highest score {highest:.4g}"
