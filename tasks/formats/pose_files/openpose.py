"""OpenPose's JSON: a file per frame, `people` with `pose_keypoints_2d`; 25 keypoints are BODY_25, 18 its COCO model."""

from collections.abc import Iterator
from typing import Any

from tasks.formats.pose_files.records import FrameRecord, Person
from tasks.formats.pose_files.source import Document
from tasks.formats.pose_files.values import as_list, as_object, triples


def recognises(document: Any) -> bool:
    """Whether it is the frame of some people."""
    return isinstance(document, dict) and "people" in document


def frames(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """A frame for each file, known by its name, such as street_000000000012_keypoints."""
    for name, document in documents:
        yield FrameRecord(name, as_list("people", as_object("file", document).get("people")))


def person(record: Any) -> Person:
    """The body; hands and face are passed over. The format has no score of a whole person."""
    return Person(triples("pose_keypoints_2d", as_object("person", record).get("pose_keypoints_2d")))
