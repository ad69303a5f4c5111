"""An annotated person of COCO or PoseTrack as a row of the table persons, or the field that is wrong."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import IntArray
from models.keypoints import index_map
from tasks.formats.errors import FieldError, InWords
from tasks.formats.fields import Record, as_number, is_absent, is_person, records
from tasks.formats.fields import reals as real_list

_ALSO_CALLED = {"neck": "head_bottom", "upper_neck": "head_bottom", "head": "head_top"}


@dataclass(frozen=True)
class KeypointChannels:
    """Where the file keeps each keypoint of an order, by name.

    `columns` (17,) holds the file's channel of each keypoint, -1 where it has none; `count` is the file's channels.
    """

    columns: IntArray
    count: int
    category_id: Any


@dataclass(frozen=True)
class Keypoints:
    """The 17 keypoints of a person; x and y are 0 where visibility is."""

    x: list[float]
    y: list[float]
    visibility: list[int]

    @classmethod
    def none(cls) -> "Keypoints":
        """Nothing labelled."""
        return cls([0.0] * 17, [0.0] * 17, [0] * 17)


def keypoint_channels(document: Record, order: tuple[str, ...], *, optional: tuple[str, ...] = ()) -> KeypointChannels:
    """Channels of the keypoints of `order` as the file's category "person", or the only one that has some, names them.

    Raises:
        FieldError: no such category, or it lacks a name that is not `optional`, or has one twice.
    """
    persons = [entry for entry in records(document, "categories") if isinstance(entry, dict)]
    named = [entry for entry in persons if is_person(entry)]
    persons = named or [entry for entry in persons if entry.get("keypoints")]  # "player", "pedestrian"
    names = persons[0].get("keypoints") if len(persons) == 1 else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FieldError("categories", 'one category "person" with its keypoint names', document["categories"])
    known = tuple(str(name) if name in order else _ALSO_CALLED.get(str(name), str(name)) for name in names)
    columns = index_map(known, order)
    missing = [name for name, column in zip(order, columns, strict=True) if column < 0 and name not in optional]
    if missing or len(set(known)) != len(known):
        expected = f"each of {', '.join(order)} once" + (f" ({missing[0]} is missing)" if missing else "")
        raise FieldError("categories.keypoints", expected, names)
    return KeypointChannels(columns, len(names), persons[0].get("id"))


def read_keypoints(person: Record, channels: KeypointChannels, flags: tuple[int, ...]) -> Keypoints:
    """The person's keypoints in the order that `channels` was made for; none are labelled where it has no such field.

    Args:
        person: its record with x, y, visibility for each channel of the file.
        channels: their channels in the file.
        flags: the values that visibility may have; 0 is unlabelled.

    Raises:
        FieldError: another length, a value that is no number, or another visibility.
    """
    if is_absent(person, "keypoints"):
        return Keypoints.none()
    values = np.array(_reals(person, 3 * channels.count)).reshape(-1, 3)
    strange = ~np.isin(values[:, 2], flags)
    if strange.any():
        channel = int(np.flatnonzero(strange)[0])
        raise FieldError(
            f"keypoints[{3 * channel + 2}]",
            f"a visibility of {' or '.join(map(str, flags))}",
            float(values[channel, 2]),
        )
    chosen = np.where(channels.columns[:, None] >= 0, values[channels.columns], 0.0)
    chosen[chosen[:, 2] == 0] = 0.0
    x, y, visibility = chosen.T.tolist()
    return Keypoints(x, y, [int(value) for value in visibility])


def _reals(person: Record, count: int) -> list[float]:
    """The numbers of all keypoints; the place of an unlabelled one may be null or NaN, and counts as 0."""
    try:
        return real_list(person, "keypoints", count)
    except FieldError:
        values = person["keypoints"]
        if not isinstance(values, list):
            raise
        labelled = list(values)
        for at in range(2, len(values), 3):
            if _is_blank(values[at]) or as_number(values[at]) == 0:
                labelled[at - 2 : at + 1] = [0.0 if _is_blank(value) else value for value in values[at - 2 : at + 1]]
        return real_list({"keypoints": labelled}, "keypoints", count)


def _is_blank(value: Any) -> bool:
    number = as_number(value)
    return number is None or (isinstance(number, float) and math.isnan(number))


def check_inside(keypoints: Keypoints, box: list[float], *, width: int, height: int) -> None:
    """Refuse what cannot belong to a picture of this size.

    Annotators may put points a little outside; a person's labelled points farther out than the picture is large,
    or a box that shows nothing of the picture, are coordinates of something else.

    Raises:
        FieldError: names the first of them.
    """
    x, y, sides_w, sides_h = box
    if x >= width or y >= height or x + sides_w <= 0 or y + sides_h <= 0:
        raise FieldError("bbox", f"a box inside the picture of {width}x{height}", box)
    points = zip(keypoints.x, keypoints.y, keypoints.visibility, strict=True)
    for channel, (across, down, visible) in enumerate(points):
        if visible and not (-width <= across <= 2 * width and -height <= down <= 2 * height):
            raise FieldError(
                "keypoints",
                f"keypoints in a picture of {width}x{height}",
                InWords(f"({across:g}, {down:g}) in channel {channel}"),
            )
