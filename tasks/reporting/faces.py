"""Faces made unrecognisable, wherever a pose says that a head is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np

from models.arrays import FloatArray, Picture
from models.keypoints import BODY, POSETRACK_KEYPOINTS

_HEAD: Final = [POSETRACK_KEYPOINTS.index(name) for name in ("nose", "head_bottom", "head_top")]
_SEEN: Final = 0.1
"""Keypoints with a lower score say nothing of where the head is."""
_LEAST_RADIUS_PX: Final = 4.0
_SHARE_OF_BODY: Final = 0.11
"""Radius of a head against the extent of the whole pose."""
_GROWTH: Final = 1.35
"""Of the circle around the keypoints of the head, so that hair and chin are in it."""
_CELLS: Final = 4
"""A head is left with so many cells of one colour across."""
LONGEST_GAP: Final = 30
"""Frames between two poses of a track, over which its head is taken to move evenly."""
_AROUND: Final = 3
"""Frames before and after a run of poses in which the head is taken to stay."""

Circle = FloatArray
"""x, y and radius, px."""


def heads(poses: Iterable[Mapping[str, Any]], tracks: Iterable[Mapping[str, Any]]) -> dict[int, list[Circle]]:
    """Circles over the heads, by frame: of all poses, tracked or not, and of tracked people between their poses."""
    circles: dict[int, list[Circle]] = defaultdict(list)
    of_track: dict[int, dict[int, Circle]] = defaultdict(dict)
    for row in poses:
        circles[int(row["frame_index"])].append(head_circle(row))
    for row in tracks:
        circle = head_circle(row)
        circles[int(row["frame_index"])].append(circle)
        of_track[int(row["track_id"])][int(row["frame_index"])] = circle
    for _, known in sorted(of_track.items()):
        for frame, circle in _between(known):
            circles[frame].append(circle)
    return circles


def head_circle(row: Mapping[str, Any]) -> Circle:
    """A circle over the head of a pose: around its keypoints there, else above what is seen."""
    xy = np.column_stack([row["x"], row["y"]]).astype(np.float64)
    is_seen = np.asarray(row["score"], dtype=np.float64) >= _SEEN
    body = xy[BODY][is_seen[BODY]] if is_seen[BODY].any() else xy[BODY]
    low, high = body.min(axis=0), body.max(axis=0)
    least = max(_LEAST_RADIUS_PX, _SHARE_OF_BODY * float((high - low).max()))
    head = xy[[index for index in _HEAD if is_seen[index]]]
    if not len(head):
        return np.array([(low[0] + high[0]) / 2, low[1] - least, 1.6 * least])
    middle = np.median(head, axis=0)  # one of the three may be far off
    reach = float(np.hypot(*(head - middle).T).max())
    return np.array([*middle, np.clip(_GROWTH * reach, least, 2 * least)])


def blur(picture: Picture, circles: Sequence[Circle]) -> None:
    """Replace each circle by a few cells of its mean colours, which no filter undoes."""
    height, width = picture.shape[:2]
    for x, y, radius in circles:
        left, top = max(0, int(x - radius)), max(0, int(y - radius))
        right, bottom = min(width, int(np.ceil(x + radius)) + 1), min(height, int(np.ceil(y + radius)) + 1)
        if right <= left or bottom <= top:
            continue
        part = picture[top:bottom, left:right]
        cells = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(cells, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        rows, columns = np.mgrid[top:bottom, left:right]
        is_inside = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
        part[is_inside] = coarse[is_inside]


def _between(known: Mapping[int, Circle]) -> Iterable[tuple[int, Circle]]:
    """Circles of the frames between poses of one track that are near each other, and just outside of their runs."""
    frames = sorted(known)
    for before, after in zip([None, *frames], [*frames, None], strict=True):
        if before is not None and after is not None and after - before <= LONGEST_GAP:
            for frame in range(before + 1, after):
                share = (frame - before) / (after - before)
                yield frame, (1 - share) * known[before] + share * known[after]
            continue
        if before is not None:
            yield from ((before + step, known[before]) for step in range(1, _AROUND + 1))
        if after is not None:
            yield from ((after - step, known[after]) for step in range(1, _AROUND + 1))


def concealed(picture: Picture, people: str, circles: Sequence[Circle]) -> Picture:
    """The picture as `report.people` wants it: itself, a copy with blurred faces, or black."""
    if people == "skeletons":
        return np.zeros_like(picture)
    if people == "faces_blurred":
        picture = picture.copy()
        blur(picture, circles)
    return picture
