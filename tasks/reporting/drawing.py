"""Tracked people drawn on a picture: the one place where the report's clips and the overlays draw skeletons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from models.arrays import BoolArray, FloatArray, Picture
from models.keypoints import BODY, POSETRACK_KEYPOINTS, SKELETON

Colour = tuple[int, int, int]
Pixel = tuple[int, int]
_BLACK: Final = (0, 0, 0)
_DISTINCT: Final[tuple[Colour, ...]] = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
    *((0, 114, 178), (213, 94, 0), (204, 121, 167)),
)
"""Okabe and Ito's colours, which people with any colour vision can distinguish."""
_DASH: Final = 4
"""Length of a dash, and of the gap after it, in widths of the line."""


def track_colour(track_id: int) -> Colour:
    """RGB colour of an identity, out of seven that need no sight of red and green; labels distinguish equal ones."""
    return _DISTINCT[track_id % len(_DISTINCT)]


@dataclass(frozen=True)
class PoseStyle:
    """How poses are drawn."""

    colour: Callable[[int], Colour]
    """Of an identity."""
    width: int
    """Of lines, px."""
    recovered_width: int
    """Of the lines of recovered poses, px."""
    dashes_recovered: bool
    has_outline: bool
    """Whether lines have a black edge, which stands out from any background."""
    text: float
    """Size of the labels, in OpenCV's unit."""


CLIP: Final = PoseStyle(track_colour, 2, 1, dashes_recovered=False, has_outline=True, text=0.45)
"""Of small pictures, where dashes cannot be seen."""


def overlay_style(height: int) -> PoseStyle:
    """The style of pictures in their own size, with lines that fit the height."""
    width = max(2, round(height / 270))
    return PoseStyle(track_colour, width, width, dashes_recovered=True, has_outline=True, text=max(0.5, height / 800))


def resized(picture: Picture, scale: float) -> Picture:
    """A copy of the picture (H,W,3) in another size, with even sides."""
    height, width = (2 * round(side * scale / 2) for side in picture.shape[:2])
    shrinks = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=shrinks), dtype=np.uint8)


def draw_tracks(
    picture: Picture, tracks: Sequence[Mapping[str, Any]], *, scale: float, keypoint_threshold: float
) -> Picture:
    """`picture` (H,W,3) resized by `scale`, with every row of table `tracks` as a skeleton in its identity's colour.

    Keypoints scored below `keypoint_threshold` are left out; recovered poses are drawn with thin lines.
    """
    canvas = resized(picture, scale)
    draw_poses(canvas, tracks, style=CLIP, scale=scale, keypoint_threshold=keypoint_threshold)
    return canvas


def draw_poses(
    canvas: Picture, tracks: Sequence[Mapping[str, Any]], *, style: PoseStyle, scale: float, keypoint_threshold: float
) -> None:
    """Draw every row of table `tracks` on a picture that is `scale` times as large as the video's."""
    for row in tracks:
        points = np.column_stack([row["x"], row["y"]]).astype(np.float64) * scale
        is_shown = shown_keypoints(row, keypoint_threshold)
        _draw_pose(canvas, points, is_shown, row, style)


def shown_keypoints(row: Mapping[str, Any], keypoint_threshold: float) -> BoolArray:
    """Which of the 17 keypoints of a row are drawn."""
    is_body = np.isin(np.arange(len(row["score"])), BODY)
    return np.asarray(is_body & (np.asarray(row["score"]) >= keypoint_threshold))


def draw_trail(canvas: Picture, points: Sequence[FloatArray], track_id: int, style: PoseStyle) -> None:
    """Draw where a person was, from earlier positions (2,) to later ones, the line growing to its full width."""
    pixels = [_pixel(point) for point in points]
    for index in range(1, len(pixels)):
        width = max(1, round(style.width * index / len(pixels)))
        cv2.line(canvas, pixels[index - 1], pixels[index], style.colour(track_id), width, cv2.LINE_AA)


def _draw_pose(canvas: Picture, points: FloatArray, shown: BoolArray, row: Mapping[str, Any], style: PoseStyle) -> None:
    track_id, is_recovered = int(row["track_id"]), row["origin"] == "recovered"
    width = style.recovered_width if is_recovered else style.width
    pixels = [_pixel(point) for point in points]
    bones = [(pixels[start], pixels[end]) for start, end in SKELETON if shown[start] and shown[end]]
    is_dashed = is_recovered and style.dashes_recovered
    lines = [piece for bone in bones for piece in (_dashes(*bone, _DASH * width) if is_dashed else [bone])]
    radius = max(2, width)
    passes = [(_BLACK, 2)] if style.has_outline else []
    for colour, edge in (*passes, (style.colour(track_id), 0)):
        for start, end in lines:
            cv2.line(canvas, start, end, colour, width + edge, cv2.LINE_AA)
        for index in np.flatnonzero(shown):
            cv2.circle(canvas, pixels[index], radius + edge // 2, colour, -1, cv2.LINE_AA)
    if shown.any():
        _write_label(canvas, f"{track_id}", _label_position(pixels, shown), style.colour(track_id), style.text)


def _dashes(start: Pixel, end: Pixel, length: int) -> list[tuple[Pixel, Pixel]]:
    """Pieces of a line, each followed by a gap of the same length."""
    first, last = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
    distance = float(np.hypot(*(last - first)))
    stops = np.arange(0.0, distance, 2 * length)
    step = (last - first) / max(distance, 1e-9)
    return [(_pixel(first + stop * step), _pixel(first + min(stop + length, distance) * step)) for stop in stops]


def _pixel(point: FloatArray) -> Pixel:
    return round(float(point[0])), round(float(point[1]))


def _label_position(pixels: list[Pixel], shown: BoolArray) -> Pixel:
    top = POSETRACK_KEYPOINTS.index("head_top")
    index = top if shown[top] else int(np.flatnonzero(shown)[0])
    return pixels[index][0] - 4, max(pixels[index][1] - 5, 10)


def _write_label(canvas: Picture, text: str, position: Pixel, colour: Colour, size: float) -> None:
    width = max(1, round(size * 2))
    for shade, thickness in ((_BLACK, width + 2), (colour, width)):
        cv2.putText(canvas, text, position, cv2.FONT_HERSHEY_SIMPLEX, size, shade, thickness, cv2.LINE_AA)
