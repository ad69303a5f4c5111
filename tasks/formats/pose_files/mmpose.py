"""MMPose's and rtmlib's JSON: positions and scores in lists of their own.

MMPose: frames as `{"frame_id", "instances": [{"keypoints": [[x, y], ...], "keypoint_scores", "bbox_score"}]}`, bare or
below `instance_info` beside a `meta_info` with names; or one list of instances per file of a folder.
rtmlib has no file format: its two arrays as JSON are read, `{"keypoints": [person][keypoint][x, y], "scores":
[person][keypoint]}`, one object per frame or per file.
"""

from collections.abc import Iterator
from typing import Any

from tasks.formats.errors import FieldError, InWords
from tasks.formats.pose_files.records import FrameRecord, Key, Person
from tasks.formats.pose_files.source import Document
from tasks.formats.pose_files.values import (
    as_list,
    as_object,
    box_of_corners,
    first_of,
    first_value,
    flat_numbers,
    frame_key,
    optional_number,
    pairs,
    with_scores,
)


def is_mmpose(document: Any) -> bool:
    """Whether it holds instances, in frames or bare."""
    if isinstance(document, dict):
        return "instance_info" in document or "instances" in document
    first = first_of(document)
    return isinstance(first, dict) and ("instances" in first or "keypoint_scores" in first)


def is_rtmlib(document: Any) -> bool:
    """Whether it holds both arrays of a frame, or a list of such."""
    frame = document if isinstance(document, dict) else first_of(document)
    return isinstance(frame, dict) and {"keypoints", "scores"} <= set(frame) and "image_id" not in frame


def names(document: Any) -> tuple[str, ...] | None:
    """Keypoint names of MMPose's `meta_info`; None where there are none."""
    meta = document.get("meta_info") if isinstance(document, dict) else None
    by_id = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(by_id, dict) or not all(isinstance(name, str) for name in by_id.values()):
        return None
    ordered = [by_id.get(str(position)) for position in range(len(by_id))]
    return None if None in ordered else tuple(name for name in ordered if name is not None)


def frames_of_mmpose(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """Frames by `frame_id`, or by the name of their file."""
    for name, document in documents:
        entries = document.get("instance_info", [document]) if isinstance(document, dict) else document
        if name is not None and isinstance(entries, list) and all(_is_instance(entry) for entry in entries):
            yield FrameRecord(name, entries)
            continue
        for position, entry in enumerate(as_list("instance_info", entries)):
            frame = as_object(f"frame {position}", entry)
            if _is_instance(frame):
                raise FieldError(f"frame {position}", 'frames with "instances", or a folder with one file each', frame)
            yield FrameRecord(_key(frame, name), as_list("instances", frame.get("instances")))


def frames_of_rtmlib(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """Frames in the file's order, or by `frame_index`, `frame_id` or file name; persons as pairs of rows."""
    for name, document in documents:
        for position, entry in enumerate([document] if isinstance(document, dict) else as_list("file", document)):
            frame = as_object(f"frame {position}", entry)
            keypoints = as_list("keypoints", frame.get("keypoints"))
            scores = as_list("scores", frame.get("scores"))
            if len(keypoints) != len(scores):
                raise FieldError(f"frame {position}", f"scores of {len(keypoints)} persons", InWords(f"{len(scores)}"))
            persons = [
                {"keypoints": row, "keypoint_scores": score} for row, score in zip(keypoints, scores, strict=True)
            ]
            yield FrameRecord(_key(frame, name), persons, is_index=frame.get("frame_index") is not None)


def person(record: Any) -> Person:
    """Positions and scores of one instance."""
    fields = as_object("person", record)
    xy = pairs("keypoints", fields.get("keypoints"))
    keypoint_scores = fields.get("keypoint_scores")
    scores = None if keypoint_scores is None else flat_numbers("keypoint_scores", keypoint_scores)
    return Person(with_scores(xy, scores), optional_number(fields, "bbox_score"), box_of_corners(fields.get("bbox")))


def _is_instance(entry: Any) -> bool:
    return isinstance(entry, dict) and "keypoint_scores" in entry


def _key(frame: dict[str, Any], name: str | None) -> Key | None:
    if (index := first_value(frame, "frame_index")) is not None:
        return frame_key("frame_index", index, is_index=True)
    number = first_value(frame, "frame_id")
    return frame_key("frame_id", name if number is None else number)
