"""Person boxes of any source in one form, and as rows of the table detections."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import FloatArray, IntArray
from models.poses.boxes import clip, xywh_to_xyxy, xyxy_to_xywh
from tasks.inference.videos import Video
from tasks.tables import read_table
from tasks.tables.arrays import list_array, table_of
from tasks.tables.by_video import RowsByVideo, row_bytes
from tasks.tables.schemas import DETECTIONS, PERSONS

_SMALLEST_SIDE_PX: Final = 1.0
_BLOCK: Final = 8192
"""Boxes that are checked at a time."""
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
        score: the detector's score.
    """

    frame_index: int
    box_xywh: tuple[float, ...]
    score: float


@dataclass(frozen=True)
class PersonBoxes:
    """N person boxes of a video, as columns.

    Attributes:
        frame_index: (N,).
        box_xywh: (N,4) px.
        score: (N,).
        drop_reason: (N,) of texts, or None for a box that is used.
    """

    frame_index: IntArray
    box_xywh: FloatArray
    score: FloatArray
    drop_reason: npt.NDArray[np.object_]

    @classmethod
    def used(cls, frame_index: IntArray, box_xywh: FloatArray, score: FloatArray) -> Self:
        """Boxes of which none is dropped so far."""
        return cls(frame_index, box_xywh, score, np.full(len(score), None))

    @classmethod
    def of(cls, boxes: Sequence[PersonBox]) -> Self:
        """Some boxes in the same order."""
        return cls.used(
            np.array([box.frame_index for box in boxes], dtype=np.int64),
            np.array([box.box_xywh for box in boxes], dtype=np.float64).reshape(-1, 4),
            np.array([box.score for box in boxes], dtype=np.float64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The boxes of several files, one after the other."""
        whole = [cls.of([]), *parts]
        return cls(*(np.concatenate([getattr(part, column.name) for part in whole]) for column in fields(cls)))

    def __len__(self) -> int:
        return len(self.score)

    def taken(self, positions: IntArray) -> Self:
        """The boxes at these positions, in their order."""
        return type(self)(*(getattr(self, column.name)[positions] for column in fields(self)))


class Annotations:
    """The annotated persons of all videos, read once."""

    def __init__(self, tables: Path) -> None:
        rows = read_table(PERSONS, PERSONS.path(tables), _PERSON_COLUMNS)
        self._rows = RowsByVideo(rows.filter(pc.field("video_id").is_valid()))

    def bytes_of(self, video_id: str) -> bytes:
        """Return what `boxes` are made from, equal as long as they are."""
        return row_bytes(self._rows.of(video_id))

    def boxes(self, video_id: str, frames: range | None = None) -> PersonBoxes:
        """Return the boxes of the annotated persons of a video, or of some frames of it, by frame and annotation.

        Their score is 1.
        """
        chosen = self._rows
        rows = chosen.of(video_id) if frames is None else chosen.in_frames(video_id, frames.start, frames.stop)
        rows = rows.sort_by([(name, "ascending") for name in ("frame_index", "annotation_id", "person_id")])
        reasons = np.full(len(rows), None)
        reasons[~(list_array(rows, "visibility") > 0).any(axis=1)] = "no_keypoints"
        reasons[rows["is_crowd"].to_numpy()] = "crowd"
        return PersonBoxes(rows["frame_index"].to_numpy(), list_array(rows, "box_xywh"), np.ones(len(rows)), reasons)


def detection_rows(video: Video, boxes_of_source: Mapping[str, PersonBoxes], *, score_threshold: float) -> pa.Table:
    """Return rows of the table detections; ids count the boxes of a source in frame order, dropped ones included.

    Args:
        video: the video, whose width and height cut the boxes.
        boxes_of_source: boxes by box source, detected or annotated.
        score_threshold: boxes of a lower score are dropped.
    """
    blocks = [
        _rows(video, source, boxes, positions, first, score_threshold)
        for source, boxes in sorted(boxes_of_source.items())
        for first, positions in _in_frame_order(boxes)
    ]
    return pa.concat_tables([DETECTIONS.schema.empty_table(), *blocks])


def _in_frame_order(boxes: PersonBoxes) -> Iterator[tuple[int, IntArray]]:
    """Yield the positions of a block of boxes, and how many boxes come before."""
    order = np.argsort(boxes.frame_index, kind="stable")
    yield from ((first, order[first : first + _BLOCK]) for first in range(0, len(order), _BLOCK))


def _rows(
    video: Video, box_source: str, boxes: PersonBoxes, positions: IntArray, first_id: int, score_threshold: float
) -> pa.Table:
    checked = _checked(boxes.taken(positions), video, score_threshold)
    same = {"video_id": video.video_id, "box_source": box_source}
    columns = {name: pa.repeat(value, len(checked)) for name, value in same.items()}
    columns["detection_id"] = np.arange(first_id, first_id + len(checked))
    return table_of(DETECTIONS, columns | {column.name: getattr(checked, column.name) for column in fields(checked)})


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


def _checked(boxes: PersonBoxes, video: Video, score_threshold: float) -> PersonBoxes:
    """Return the boxes cut to their picture, those that are not used for its sake as they are, with the reason."""
    inside = xyxy_to_xywh(clip(xywh_to_xyxy(boxes.box_xywh), width=video.row["width"], height=video.row["height"]))
    is_used = boxes.drop_reason == None  # noqa: E711 - of each
    is_low = is_used & (boxes.score < score_threshold)
    is_outside = ~is_low & (inside[:, 2:] < _SMALLEST_SIDE_PX).any(axis=1)
    reason = np.where(is_low, "low_score", np.where(is_used & is_outside, "outside_picture", boxes.drop_reason))
    box_xywh = np.where((is_low | is_outside)[:, None], boxes.box_xywh, inside)
    return PersonBoxes(boxes.frame_index, box_xywh, boxes.score, reason)


def why_all_dropped(rows: pa.Table, *, threshold: str) -> str | None:
    """Explain why no detected box of a video is used; None where one is used, or none was found.

    Args:
        rows: the video's rows of the table detections.
        threshold: the least score of a box that is used, in words.
    """
    detected = rows.select(["drop_reason", "score"]).filter(pc.equal(rows["box_source"], "detected"))
    reasons = Counter(detected["drop_reason"].to_pylist())
    if not reasons or reasons[None]:
        return None
    counts = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(reasons.items()))
    highest = pc.max(detected["score"]).as_py()
    return f"all {len(detected)} detected boxes are dropped: {counts}; {threshold}, the highest score {highest:.4g}"
