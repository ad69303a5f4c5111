"""COCO keypoint results (one list of persons) from and to PoseTrack18 predictions."""

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from models.keypoints import KEYPOINT_COUNT, POSETRACK_KEYPOINTS, POSEVAL_FROM_POSETRACK, index_map
from models.metrics.sequence import MISSING_SCORE
from tasks.formats.errors import FormatError, InWords, location, shown
from tasks.formats.fields import Record, as_number, key_of, names_person, number, numbers
from tasks.formats.json_files import list_pieces
from tasks.formats.posetrack18 import open_posetrack18, points_of_posetrack18
from tasks.formats.posetrack_conversion import CATEGORY, whole_or_real
from tasks.formats.tracked_video import TrackedVideo, TrackedWindow


class CocoTracks:
    """COCO keypoint results: a list of persons with the 17 keypoints in PoseTrack's order, and their track_id."""

    ending = ".json"

    def content(self, video: TrackedVideo) -> Iterator[bytes]:
        """See `TrackFormat`; a person's score is the mean of its shown keypoints'."""
        yield from list_pieces(_entry(window, row) for window in video.windows for row in window.shown_poses)
        yield b"\n"


def _entry(window: TrackedWindow, row: int) -> Record:
    shown, score = window.is_shown[row], window.score[row]
    return {
        "image_id": int(window.image_id[row]),
        "category_id": 1,
        "keypoints": np.where(shown[:, None], np.column_stack([window.xy[row], score]), 0.0).ravel().tolist(),
        "score": float(score[shown].astype(np.float64).mean()),
        "track_id": int(window.track_id[row]),
    }


def coco_results_of_posetrack18(source: str, data: Any) -> list[Record]:
    """One entry per person: image_id, 17 times x y and score in PoseTrack's order, score, track_id.

    The third number of a keypoint is its score, 0 for absent ones; the person's score is their mean. A keypoint
    without score has 1.

    Raises:
        FormatError: the file cannot be read.
    """
    file = open_posetrack18(source, data)
    points = points_of_posetrack18(file)
    keypoints = np.zeros((len(points.person_frame), KEYPOINT_COUNT, 3))
    channels = POSEVAL_FROM_POSETRACK[points.point_joint]
    score = np.where(points.point_score == MISSING_SCORE, 1.0, points.point_score)
    keypoints[points.point_person, channels] = np.column_stack([points.point_xy, score])
    entries = []
    for person, position in enumerate(points.person_position.tolist()):
        annotation = file.annotations[position]
        person_score = number(annotation.get("score"))
        scores = score[points.point_person == person]
        mean = float(scores.mean()) if scores.size else 0.0
        entries.append(
            {
                "image_id": annotation["image_id"],
                "category_id": 1,
                "keypoints": keypoints[person].ravel().tolist(),
                "score": mean if person_score is None else person_score,
                "track_id": whole_or_real(float(points.track_id[person])),
            }
        )
    return entries


def posetrack18_of_coco_results(
    source: str, results: Any, images: list[Record], *, order: tuple[str, ...] = POSETRACK_KEYPOINTS
) -> Record:
    """A PoseTrack18 prediction file of the results that belong to `images`; `order` is that of their keypoints.

    An image_id is the id of an image, or its file name with or without folders, as AlphaPose writes it.

    The third number of a keypoint is its score; a keypoint of three zeros is absent. Without track_id every person
    gets one of its own within its frame: enough for AP, not for tracking.

    Raises:
        FormatError: `results` is no list of persons with 17 keypoints.
    """
    known = image_keys(images)
    counts: Counter[Any] = Counter()
    annotations = []
    for index, entry in enumerate(checked_results(source, results)):
        if (image_id := known.get(key_of_image(known, entry["image_id"]))) is not None:
            annotations.append(_annotation(source, index, entry, (image_id, counts[image_id]), order))
            counts[image_id] += 1
    kept = [{key: value for key, value in image.items() if not key.startswith("ignore_")} for image in images]
    return {"images": kept, "annotations": annotations, "categories": [CATEGORY]}


def image_keys(images: list[Record]) -> dict[Any, Any]:
    """The id of each image by what results may call it: id, file name, and last part of the name where it is unique."""
    keys: dict[Any, Any] = {}
    bases = Counter(PurePosixPath(str(image.get("file_name"))).name for image in images)
    for image in images:
        name = str(image.get("file_name"))
        keys |= {image["id"]: image["id"], str(image["id"]): image["id"], name: image["id"]}
        if bases[PurePosixPath(name).name] == 1:
            keys.setdefault(PurePosixPath(name).name, image["id"])
    return keys


def key_of_image(keys: Container[Any], name: Any) -> Any:
    """What a result calls its image as one of `image_keys`: with its folders, else without those that it may have."""
    if name in keys or not isinstance(name, str):
        return name
    return PureWindowsPath(name).name  # it splits at slashes of either kind


def without_other_categories(source: str, results: Iterable[Record]) -> list[Record]:
    """The results of category 1, the person, or without one; all of them where they are of one category.

    Raises:
        FormatError: they are of several categories, none of which is the person.
    """
    entries = list(results)
    categories = {key_of(entry, "category_id") for entry in entries}
    if any(map(names_person, entries)):
        return [entry for entry in entries if names_person(entry) or key_of(entry, "category_id") is None]
    if len(categories - {None}) > 1:
        names = ", ".join(sorted(str(category) for category in categories - {None}))
        raise FormatError(source, "field category_id", "1, the person, among several categories", InWords(names))
    return entries


def checked_results(source: str, results: Any) -> Iterable[Record]:
    """The entries of a results file.

    Raises:
        FormatError: it is no list of objects with an image_id, or an empty one.
    """
    if not isinstance(results, list) or not results:
        raise FormatError(source, "", "a list of persons (COCO results)", shown(results))
    for index, entry in enumerate(results):
        image_id = key_of(entry, "image_id") if isinstance(entry, dict) else None
        if isinstance(image_id, bool) or not isinstance(image_id, int | str):
            raise FormatError(source, f"[{index}]", "an object with the image_id of its picture", shown(entry))
    return results


def _annotation(source: str, index: int, entry: Record, image: tuple[Any, int], order: tuple[str, ...]) -> Record:
    """The person in PoseTrack18 form; `image` is the id of its image, and its number there."""
    image_id, number_there = image
    listed = entry.get("keypoints")
    row = numbers([[_or_nan(v) for v in listed] if isinstance(listed, list) else listed], KEYPOINT_COUNT * 3)
    if row is None:
        where = location(person=index, field="keypoints")
        raise FormatError(source, where, "51 numbers", shown(entry.get("keypoints")))
    columns = index_map(order, POSETRACK_KEYPOINTS)
    keypoints = np.where(columns[:, None] >= 0, row.reshape(KEYPOINT_COUNT, 3)[columns], 0.0)
    keypoints[np.isnan(keypoints).any(axis=1)] = 0.0  # absent
    body = np.zeros(KEYPOINT_COUNT, dtype=bool)
    body[POSEVAL_FROM_POSETRACK] = True
    present = (keypoints != 0).any(axis=1) & body
    flat = np.column_stack([np.where(present[:, None], keypoints[:, :2], 0.0), present.astype(float)])
    track_id = _identity(entry, number_there)
    fields: Record = {name: as_number(entry[name]) for name in ("bbox", "score") if name in entry}
    return {
        "image_id": image_id,
        "id": index,
        "category_id": 1,
        "track_id": track_id,
        "keypoints": [whole_or_real(value) for value in flat.ravel().tolist()],
        "scores": keypoints[:, 2].tolist(),
        **fields,
    }


def _or_nan(value: Any) -> Any:
    return math.nan if value is None else as_number(value)


def _identity(entry: Record, number_there: int) -> Any:
    """Its track_id, or AlphaPose's idx, which may stand in a list; else its number in the picture."""
    for name in ("track_id", "idx"):
        value = entry.get(name)
        value = value[0] if isinstance(value, list) and value else value
        identity = number(as_number(value))
        if identity is not None and identity != -1:
            return whole_or_real(identity)
    return number_there
