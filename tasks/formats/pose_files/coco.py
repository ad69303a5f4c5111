"""COCO keypoints: results (a list of persons), whole files with images, as PoseTrack18 and 21 are too, and AlphaPose.

A person names its frame by `frame_index` (from 0) or by `image_id`, a number or a picture's name.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tasks.formats.errors import FieldError, InWords
from tasks.formats.fields import as_number, is_of, key_of, names_person, person_category
from tasks.formats.pose_files.records import FrameRecord, Key, Person
from tasks.formats.pose_files.source import Document
from tasks.formats.pose_files.values import (
    as_list,
    as_object,
    box_of_sides,
    first_of,
    first_value,
    flat_numbers,
    frame_key,
    optional_number,
    triples,
)


def is_results(document: Any) -> bool:
    """Whether it is a list of persons with flat keypoints and a frame."""
    first = first_of(document)
    has_frame = isinstance(first, dict) and ("image_id" in first or "frame_index" in first)
    return has_frame and isinstance(first.get("keypoints"), list)


def is_alphapose(document: Any) -> bool:
    """Whether pictures are named in AlphaPose's way: by file, with the person's box beside the keypoints."""
    first = first_of(document)
    if is_results(document):
        return isinstance(first.get("image_id"), str) and ("box" in first or "idx" in first)
    values = list(document.values()) if isinstance(document, dict) else []
    return bool(values) and all(isinstance(value, dict) and {"people", "bodies"} & set(value) for value in values)


def is_whole_file(document: Any) -> bool:
    """Whether it lists images and annotations."""
    return isinstance(document, dict) and "images" in document and "annotations" in document


def frames_of_results(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """Persons gathered by their frame, in the order in which frames first occur."""
    gathered: dict[tuple[bool, Key], list[Any]] = {}
    for _, document in documents:
        entries = as_list("results", document)
        has_persons = any(isinstance(entry, dict) and names_person(entry) for entry in entries)
        for position, entry in enumerate(entries):
            record = as_object(f"results[{position}]", entry)
            is_index = record.get("frame_index") is not None
            field = "frame_index" if is_index else "image_id"
            key = _key(f"results[{position}].{field}", record.get(field), is_index=is_index)
            is_other = has_persons and not names_person(record) and key_of(record, "category_id") is not None
            gathered.setdefault((is_index, key), []).append(None if is_other else record)
    return (FrameRecord(key, persons, is_index=is_index) for (is_index, key), persons in gathered.items())


def frames_of_alphapose(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """Frames of AlphaPose's own list, or of the objects by picture that it writes in the forms of OpenPose and CMU."""
    if all(isinstance(document, list) for _, document in documents):
        yield from frames_of_results(documents)
        return
    for _, document in documents:
        for name, frame in as_object("file", document).items():
            record = as_object(name, frame)
            yield FrameRecord(name, as_list(name, first_value(record, "people", "bodies")))


def frames_of_whole_file(documents: tuple[Document, ...]) -> Iterator[FrameRecord]:
    """Every image with its annotations, known by its file name, or by its id where it has none."""
    for _, document in documents:
        record = as_object("file", document)
        category = person_category(record.get("categories"))
        persons: dict[Key, list[Any]] = {}
        for position, entry in enumerate(as_list("annotations", record.get("annotations"))):
            annotation = as_object(f"annotations[{position}]", entry)
            image = _key(f"annotations[{position}].image_id", key_of(annotation, "image_id"))
            is_other = category is not None and not is_of(annotation, category.get("id"))
            persons.setdefault(image, []).append(None if is_other else annotation)
        for position, entry in enumerate(as_list("images", record.get("images"))):
            listed = as_object(f"images[{position}]", entry)
            key = _key(f"images[{position}].id", key_of(listed, "id"))
            name = listed.get("file_name")
            yield FrameRecord(name if isinstance(name, str) else key, persons.pop(key, []))
        if persons:
            raise FieldError("annotations", "an image_id of the images in the file", next(iter(persons)))


def names_of_whole_file(document: Any) -> tuple[str, ...] | None:
    """Keypoint names of the person among several categories, or of the only one that has some; else None."""
    category = person_category(document.get("categories"))
    categories = document.get("categories") if category is None else [category]
    entries = categories if isinstance(categories, list) else []
    named = [entry.get("keypoints") for entry in entries if isinstance(entry, dict) and entry.get("keypoints")]
    if len(named) != 1 or not isinstance(named[0], list) or not all(isinstance(name, str) for name in named[0]):
        return None
    return tuple(named[0])


def person(record: Any) -> Person | None:
    """Keypoints with the score, or the visibility, as third number; PoseTrack keeps scores in a list of their own.

    None for a crowd, and for a record that is None itself: one of another category.
    """
    if record is None:
        return None
    fields = as_object("person", record)
    if as_number(fields.get("iscrowd")):
        return None
    keypoints = triples("keypoints", first_value(fields, "keypoints", "pose_keypoints_2d", "joints"))
    if fields.get("scores"):
        scores = flat_numbers("scores", fields["scores"])
        if len(scores) != len(keypoints):
            raise FieldError("scores", f"{len(keypoints)} numbers", InWords(f"{len(scores)} numbers"))
        labelled = (keypoints != 0).any(axis=1)
        keypoints[:, 2] = np.where(labelled, scores, 0.0)
    return Person(keypoints, optional_number(fields, "score"), box_of_sides(first_value(fields, "bbox", "box")))


def _key(field: str, value: Any, *, is_index: bool = False) -> Key:
    key = frame_key(field, value, is_index=is_index)
    if key is None:
        raise FieldError(field, "a frame's number or a picture's name", value)
    return key
