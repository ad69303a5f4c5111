"""Records of a PoseTrack annotation file: the order of its frames, ids, regions, and boxes that it lacks."""

from collections.abc import Sequence
from itertools import count
from typing import Any, Final

from tasks.formats.annotated_person import KeypointChannels, Keypoints
from tasks.formats.errors import FieldError, InWords
from tasks.formats.fields import Record, as_number, has_key, is_number, is_of, unique_id, whole
from tasks.formats.frame_order import FrameOrderError, frame_order

_BOX_GROWTH: Final = 0.15


class AnnotationIds:
    """The ids of a file's annotations: their own, and free numbers for those without a whole number as id.

    Nothing refers to the id of an annotation, so that one which is missing, a text or too large loses no person.
    """

    def __init__(self, persons: Sequence[Any]) -> None:
        self._listed = {key for person in persons if (key := _own_id(person)) is not None}
        self._free = (number for number in count() if number not in self._listed)
        self._seen: set[int] = set()

    def of(self, person: Any) -> int:
        """The id of an annotation, asked for once.

        Raises:
            FieldError: it is no object, or its id is that of an earlier one.
        """
        if isinstance(person, dict) and _own_id(person) is None:
            return next(self._free)
        return unique_id(person, self._seen)


def _own_id(person: Any) -> int | None:
    try:
        return whole(person, "id") if isinstance(person, dict) else None
    except FieldError:
        return None


def is_of_another_category(person: Any, channels: KeypointChannels) -> bool:
    """Whether an annotation is of a category that is not the person."""
    return isinstance(person, dict) and not is_of(person, channels.category_id)


def has_image(person: Any) -> bool:
    """Whether an annotation names its frame."""
    return isinstance(person, dict) and has_key(person, "image_id")


def in_order(images: list[tuple[int, Record]]) -> list[tuple[int, Record]]:
    """Frames by frame_id where all have one of their own, else by the numbers in their names.

    Raises:
        FieldError: one name is there twice, or the names give no order.
    """
    by_name = {image["file_name"]: (key, image) for key, image in images}
    times = [as_number(image.get("frame_id")) for _, image in images]
    has_times = all(is_number(time) for time in times) and len(set(times)) == len(images)
    if len(by_name) < len(images):
        raise FieldError("file_name", "a name of its own for each frame", InWords("one name twice"))
    if has_times:
        return [pair for _, pair in sorted(zip(times, images, strict=True), key=lambda entry: entry[0])]
    try:
        return [by_name[name] for name in frame_order(by_name)]
    except FrameOrderError as error:
        raise FieldError("file_name", "names that give the order of frames", InWords(str(error))) from error


def region_corners(x: Any, y: Any) -> list[list[float]] | None:
    """Corners x, y of one ignore region; None unless it has at least three."""
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y) or len(x) < 3:
        return None
    corners = [(as_number(a), as_number(b)) for a, b in zip(x, y, strict=True)]
    is_whole = all(is_number(a) and is_number(b) for a, b in corners)
    return [[float(a), float(b)] for a, b in corners] if is_whole else None


def box_around(keypoints: Keypoints) -> list[float]:
    """Extent of the labelled keypoints, grown by 15 % of it on each side: what a file without boxes leaves us."""
    points = zip(keypoints.x, keypoints.y, keypoints.visibility, strict=True)
    corners = [(x, y) for x, y, seen in points if seen]
    if len(corners) < 2:
        raise FieldError(
            "bbox", "a box, or at least two keypoints to put one around", InWords(f"{len(corners)} keypoints")
        )
    (left, top), (right, bottom) = map(min, zip(*corners, strict=True)), map(max, zip(*corners, strict=True))
    grown_w, grown_h = _BOX_GROWTH * max(right - left, 1.0), _BOX_GROWTH * max(bottom - top, 1.0)
    return [left - grown_w, top - grown_h, right - left + 2 * grown_w, bottom - top + 2 * grown_h]
