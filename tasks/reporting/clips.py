"""Clips: a video with its tracks drawn on it."""

import colorsys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from models.arrays import BoolArray, FloatArray, Picture
from models.keypoints import BODY, POSETRACK_KEYPOINTS, SKELETON
from tasks.whole_files import whole_file

Colour = tuple[int, int, int]
_POSTER_QUALITY = 82


def track_colour(track_id: int) -> Colour:
    """RGB colour of an identity; neighbours in number are far apart in hue (golden angle)."""
    red, green, blue = colorsys.hsv_to_rgb((track_id * 0.381966) % 1.0, 0.75, 1.0)
    return int(255 * red), int(255 * green), int(255 * blue)


def draw_tracks(
    picture: Picture, tracks: Sequence[Mapping[str, Any]], *, scale: float, keypoint_threshold: float
) -> Picture:
    """`picture` (H,W,3) resized by `scale`, with every row of table `tracks` as a skeleton in its identity's colour.

    Keypoints scored below `keypoint_threshold` are left out; recovered poses are drawn with thin lines.
    """
    height, width = (2 * round(side * scale / 2) for side in picture.shape[:2])
    canvas = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    for row in tracks:
        points = np.column_stack([row["x"], row["y"]]).astype(np.float64) * scale
        shown = np.isin(np.arange(len(points)), BODY) & (np.asarray(row["score"]) >= keypoint_threshold)
        _draw_pose(canvas, points, shown, track_id=int(row["track_id"]), is_recovered=row["origin"] == "recovered")
    return np.asarray(canvas, dtype=np.uint8)


def _draw_pose(
    canvas: Picture,
    points: FloatArray,
    shown: BoolArray,
    *,
    track_id: int,
    is_recovered: bool,
) -> None:
    colour, thickness = track_colour(track_id), 1 if is_recovered else 2
    pixels = [(round(float(x)), round(float(y))) for x, y in points]
    for start, end in SKELETON:
        if shown[start] and shown[end]:
            cv2.line(canvas, pixels[start], pixels[end], colour, thickness, cv2.LINE_AA)
    for index in np.flatnonzero(shown):
        cv2.circle(canvas, pixels[index], 2, colour, -1, cv2.LINE_AA)
    if shown.any():
        _write_label(canvas, f"{track_id}", _label_position(pixels, shown), colour)


def _label_position(pixels: list[tuple[int, int]], shown: BoolArray) -> tuple[int, int]:
    top = POSETRACK_KEYPOINTS.index("head_top")
    index = top if shown[top] else int(np.flatnonzero(shown)[0])
    return pixels[index][0] - 4, max(pixels[index][1] - 5, 10)


def _write_label(canvas: Picture, text: str, position: tuple[int, int], colour: Colour) -> None:
    for shade, thickness in (((0, 0, 0), 3), (colour, 1)):
        cv2.putText(canvas, text, position, cv2.FONT_HERSHEY_SIMPLEX, 0.45, shade, thickness, cv2.LINE_AA)


def write_clip(pictures: Iterable[Picture], path: Path, *, frames_per_second: float) -> Path:
    """Encode pictures (H,W,3 RGB, even sides) as H.264 in MP4, and write the first as a JPEG beside it, the poster.

    One thread encodes, so equal pictures give equal bytes.

    Raises:
        ValueError: there is no picture.
    """
    frames: Iterator[Picture] = iter(pictures)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path.name}: a clip needs at least one picture, got none")
    movie = {"movflags": "faststart", "fflags": "+bitexact"}
    with whole_file(path) as partial, av.open(str(partial), "w", options=movie) as container:
        stream = container.add_stream("libx264", rate=Fraction(frames_per_second).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
        stream.options = {"crf": "26", "preset": "veryfast", "threads": "1"}
        stream.thread_count = 1
        for picture in chain((first,), frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    write_picture(first, poster_of(path))
    return path


def poster_of(clip: Path) -> Path:
    """The picture that a player shows before it plays the clip."""
    return clip.with_suffix(".jpg")


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture (H,W,3) RGB as JPEG."""
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _POSTER_QUALITY])
    if not done:
        raise OSError(f"{path}: the JPEG encoder refused a picture of shape {picture.shape}")
    with whole_file(path) as partial:
        partial.write_bytes(data.tobytes())
