"""PoseTrack17 to PoseTrack18 and back: everything that scoring sees, or a refusal that lists what cannot be stored."""

import math
from collections import Counter
from typing import Any, Final

import numpy as np

from models.arrays import FloatArray
from models.keypoints import POSETRACK_KEYPOINTS, POSEVAL_FROM_POSETRACK, POSEVAL_JOINTS, SKELETON
from models.metrics.sequence import MISSING_SCORE
from tasks.errors import InputError
from tasks.formats.errors import FormatError, shown
from tasks.formats.fields import Record, number
from tasks.formats.points import PointFile
from tasks.formats.posetrack17 import HEAD_CORNERS, frame_name, points_of_posetrack17
from tasks.formats.posetrack18 import (
    Posetrack18File,
    keypoint_columns,
    open_posetrack18,
    points_of_posetrack18,
    unknown_image_annotations,
)
from tasks.formats.posetrack_names import SOURCES, video_token

_BOX_GROWTH: Final = 0.15
CATEGORY: Final = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": list(POSETRACK_KEYPOINTS),
    "skeleton": [[first + 1, second + 1] for first, second in SKELETON],
}
"""The category of every PoseTrack18 file."""


class ConversionError(InputError):
    """The target format cannot store some records; nothing is converted."""

    def __init__(self, source: str, target: str, records: list[str]) -> None:
        """Name the file and list the records, the first twenty of them."""
        self.records = records
        more = [f"... and {len(records) - 20} more"] if len(records) > 20 else []
        listing = "".join(f"\n  {record}" for record in records[:20] + more)
        super().__init__(f"{source}: {len(records)} records cannot be stored in {target}:{listing}")


def posetrack18_from_17(source: str, data: Any) -> Record:
    """A PoseTrack17 file in PoseTrack18 form.

    Args:
        source: name of the file for messages.
        data: its JSON value.

    Raises:
        FormatError: the file cannot be read.
        ConversionError: a record cannot be stored.
    """
    points = points_of_posetrack17(source, data, is_truth=True)
    frames = data["annolist"]
    refused = _lacking_in_18(points, frames)
    if refused:
        raise ConversionError(source, "PoseTrack18", refused)
    ids = [image_id(source, name) for name in points.frame_names]
    images = [_image_18(points, at, frame, ids[at]) for at, frame in enumerate(frames)]
    annotations = _annotations_18(points, frames, ids)
    return {"images": images, "annotations": annotations, "categories": [CATEGORY]}


def posetrack17_from_18(source: str, data: Any) -> Record:
    """A PoseTrack18 file in PoseTrack17 form; names of keypoints decide, not their channels.

    Raises:
        FormatError: the file cannot be read.
        ConversionError: a record cannot be stored.
    """
    file = open_posetrack18(source, data)
    points = points_of_posetrack18(file)
    refused = _lacking_in_17(file, points)
    if refused:
        raise ConversionError(source, "PoseTrack17", refused)
    columns = keypoint_columns(file)
    rects: list[list[Record]] = [[] for _ in points.frame_names]
    starts = np.searchsorted(points.point_person, np.arange(len(points.person_frame) + 1))
    for person, frame in enumerate(points.person_frame.tolist()):
        entry = file.annotations[points.person_position[person]]
        visibility = np.asarray(entry["keypoints"], dtype=np.float64).reshape(-1, 3)[:, 2]
        flags = dict(zip(columns.tolist(), visibility.tolist(), strict=True))
        rects[frame].append(_rect_17(points, person, slice(starts[person], starts[person + 1]), entry, flags))
    annolist = [_frame_17(points, at, file.images[at], rects[at]) for at in range(len(points.frame_names))]
    return {"annolist": annolist}


def image_id(source: str, file_name: str) -> int:
    """The official id of a frame: source (1 mpii, 2 bonn, 3 mpiinew), video in 6 digits, frame in 4.

    Raises:
        FormatError: the name does not follow the scheme.
    """
    token = video_token(source, file_name)
    directory, _, name = file_name.rpartition("/")
    kind = SOURCES.index(directory.rpartition("/")[2].split("_")[1]) + 1
    return kind * 10_000_000_000 + int(token) * 10_000 + int(name.split(".")[0])


def _lacking_in_18(points: PointFile, frames: list[Record]) -> list[str]:
    refused = []
    tokens: dict[str, str] = {}
    for index, name in enumerate(points.frame_names):
        try:
            tokens.setdefault(video_token(points.source, name), name)
            if name != frame_name(frames[index], -1):
                raise FormatError(points.source, f"frame {index}", "an image name", "none")
        except FormatError as error:
            refused.append(str(error))
    if len(tokens) > 1:
        refused.append(f"frames of several videos: {', '.join(map(shown, tokens.values()))}")
    refused += [f"frame {shown(name)}: occurs {n} times" for name, n in Counter(points.frame_names).items() if n > 1]
    refused += [_person(points, at, "no track_id") for at in np.flatnonzero(np.isnan(points.track_id))]
    pairs = np.stack([points.point_person, points.point_joint])
    unique, counts = np.unique(pairs, axis=1, return_counts=True)
    for person, joint in unique[:, (counts > 1) | (unique[1] == len(POSEVAL_JOINTS))].T:
        known = joint < len(POSEVAL_JOINTS)
        refused.append(_person(points, person, f"{POSEVAL_JOINTS[joint]} twice" if known else "an unknown joint id"))
    # Scoring removes rectangles without points, but one alone keeps its frame.
    with_points = set(points.person_frame[points.has_points].tolist())
    lonely = [at for at in np.flatnonzero(~points.has_points) if int(points.person_frame[at]) not in with_points]
    return refused + [_person(points, at, "no annopoints, and none else in the frame") for at in lonely]


def _lacking_in_17(file: Posetrack18File, points: PointFile) -> list[str]:
    refused = []
    unknown = unknown_image_annotations(file)
    if unknown:
        refused.append(f"{unknown} annotations of images that are not in the file")
    if len(points.frame_names) < len(file.images):
        refused.append(f"{len(file.images) - len(points.frame_names)} images of a second video")
    counts = Counter(image["id"] for image in file.images)
    return refused + [f"image id {shown(key)}: occurs {count} times" for key, count in counts.items() if count > 1]


def _person(points: PointFile, person: int | np.integer[Any], what: str) -> str:
    frame, position = points.describe_person(int(person))
    return f"frame {shown(frame)}, person {position}: {what}"


def _image_18(points: PointFile, at: int, frame: Record, identity: int) -> Record:
    persons = bool((points.person_frame == at).any())
    flag = frame.get("is_labeled")
    is_labeled = bool(flag[0]) if isinstance(flag, list) and flag else persons
    regions = points.polygons.get(at, [])
    name = points.frame_names[at]
    return {
        "file_name": name,
        "id": identity,
        "frame_id": identity,
        "vid_id": video_token(points.source, name),
        "nframes": len(points.frame_names),
        "is_labeled": is_labeled,
        "ignore_regions_x": [region[:, 0].tolist() for region in regions],
        "ignore_regions_y": [region[:, 1].tolist() for region in regions],
    }


def _annotations_18(points: PointFile, frames: list[Record], ids: list[int]) -> list[Record]:
    starts = np.searchsorted(points.point_person, np.arange(len(points.person_frame) + 1))
    order: Counter[int] = Counter()
    annotations = []
    for person in np.flatnonzero(points.has_points).tolist():
        frame = int(points.person_frame[person])
        rect = frames[frame]["annorect"][int(points.person_position[person])]
        fields = _person_18(points, person, slice(starts[person], starts[person + 1]), rect)
        identity = ids[frame] * 100 + order[frame]
        annotations.append({"image_id": ids[frame], "id": identity, "category_id": 1, **fields})
        order[frame] += 1
    return annotations


def _person_18(points: PointFile, person: int, span: slice, rect: Record) -> Record:
    channels = POSEVAL_FROM_POSETRACK[points.point_joint[span]]
    keypoints = np.zeros((len(POSETRACK_KEYPOINTS), 3))
    keypoints[channels, :2] = points.point_xy[span]
    keypoints[channels, 2] = [_flag(point) for point in rect["annopoints"][0]["point"]]
    at_origin = (keypoints[channels] == 0).all(axis=1)
    keypoints[channels[at_origin], 2] = 1  # three zeros would mean: no such joint
    fields: Record = {
        "track_id": whole_or_real(points.track_id[person]),
        "keypoints": [whole_or_real(v) for v in keypoints.ravel()],
    }
    if (points.point_score[span] != MISSING_SCORE).any():
        scores = np.zeros(len(POSETRACK_KEYPOINTS))
        scores[channels] = points.point_score[span]
        fields["scores"] = scores.tolist()
    if points.has_head[person]:
        x1, y1, x2, y2 = points.head_xyxy[person].tolist()
        fields["bbox_head"] = [x1, y1, _extent(x1, x2), _extent(y1, y2)]
    if span.stop > span.start:
        fields["bbox"] = _box_around(points.point_xy[span])
    return fields | ({"score": rect["score"][0]} if _has_number(rect.get("score")) else {})


def _rect_17(points: PointFile, person: int, span: slice, entry: Record, flags: dict[int, float]) -> Record:
    listed = []
    rows = (points.point_joint[span].tolist(), points.point_xy[span].tolist(), points.point_score[span].tolist())
    for joint, (x, y), score in zip(*rows, strict=True):
        point = {
            "id": [joint],
            "x": [whole_or_real(x)],
            "y": [whole_or_real(y)],
            "is_visible": [whole_or_real(flags[joint])],
        }
        listed.append(point | ({"score": [score]} if score != MISSING_SCORE else {}))
    rect: Record = {"track_id": [whole_or_real(float(points.track_id[person]))], "annopoints": [{"point": listed}]}
    if points.has_head[person]:
        corners = points.head_xyxy[person].tolist()
        rect |= {side: [value] for side, value in zip(HEAD_CORNERS, corners, strict=True)}
    return rect | ({"score": [entry["score"]]} if number(entry.get("score")) is not None else {})


def _frame_17(points: PointFile, at: int, image: Record, rects: list[Record]) -> Record:
    frame: Record = {
        "image": [{"name": points.frame_names[at]}],
        "annorect": rects,
        "is_labeled": [int(bool(image.get("is_labeled", rects)))],
    }
    regions = points.polygons.get(at, [])
    outlines = [
        {"point": [{"x": [whole_or_real(x)], "y": [whole_or_real(y)]} for x, y in region.tolist()]}
        for region in regions
    ]
    return frame | ({"ignore_regions": outlines} if outlines else {})


def _flag(point: Record) -> float:
    flag = point.get("is_visible")
    value = number(flag[0] if isinstance(flag, list) and flag else flag)
    return 1.0 if value is None else value


def _extent(low: float, high: float) -> float:
    """The width that, added to `low`, gives `high` again to the last bit, where there is one."""
    width = high - low
    near = (width, math.nextafter(width, math.inf), math.nextafter(width, -math.inf))
    return next((value for value in near if low + value == high), width)


def whole_or_real(value: float) -> float | int:
    """Whole numbers without a point, as the official files have them."""
    return int(value) if math.isfinite(value) and value == int(value) else value


def _has_number(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and number(value[0]) is not None


def _box_around(xy: FloatArray) -> list[float]:
    """Extent of the joints, grown as the official conversion does."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = _BOX_GROWTH * (high - low)
    return [*(low - margin).tolist(), *(high - low + 2 * margin).tolist()]
