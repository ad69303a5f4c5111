"""Panels: cut-outs of a frame with poses, boxes and maps drawn on them, joined to one picture."""

import base64
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from models.arrays import BoolArray, Float32Array, FloatArray, Picture
from models.keypoints import BODY, KEYPOINT_COUNT, SKELETON
from models.poses.boxes import clip, extent_xyxy
from tasks.reporting.drawing import Colour

PANEL_HEIGHT_PX: Final = 200
WHITE: Final = (255, 255, 255)
QUERY: Final = (255, 200, 60)
RESULT: Final = (60, 220, 160)
FRAME_HEIGHT_PX: Final = 260
"""Of panels that are whole frames."""
IS_BODY: Final = np.isin(np.arange(KEYPOINT_COUNT), BODY)
_MARGIN: Final = 0.25
_SMALLEST_PX: Final = 48.0
_QUALITY: Final = 82
_BLACK: Final = (0, 0, 0)
_TEXT: Final = 0.42
"""Size of letters."""


class Panel:
    """A region of a picture, enlarged or shrunk to the panels' height; positions are pixels of the picture.

    Args:
        picture: the whole frame, (H,W,3) RGB.
        region_xyxy: what is cut out, inside the frame.
        text: written in the upper left corner.
        height_px: of the panel.
    """

    def __init__(
        self, picture: Picture, region_xyxy: FloatArray, text: str = "", *, height_px: int = PANEL_HEIGHT_PX
    ) -> None:
        left, top, _, bottom = (int(side) for side in region_xyxy)
        self._scale, self._origin = height_px / (bottom + 1 - top), np.array([left, top])
        self._canvas = resized_cut(picture, region_xyxy, height_px)
        self._text = text

    def pose(self, xy: FloatArray, shown: BoolArray, colour: Colour, *, thickness: int = 2) -> "Panel":
        """Draw a skeleton of the keypoints (17,2) that are `shown` (17); never the ears, which are not annotated."""
        shown = shown & IS_BODY
        points = [self._pixel(point) for point in np.nan_to_num(xy)]
        for start, end in SKELETON:
            if shown[start] and shown[end]:
                cv2.line(self._canvas, points[start], points[end], colour, thickness, cv2.LINE_AA)
        return self.points(xy[shown], colour)

    def points(self, xy: FloatArray, colour: Colour) -> "Panel":
        """Draw dots at positions (N,2)."""
        for point in xy:
            cv2.circle(self._canvas, self._pixel(point), 2, colour, -1, cv2.LINE_AA)
        return self

    def box(self, box_xyxy: FloatArray, colour: Colour) -> "Panel":
        """Draw a rectangle."""
        cv2.rectangle(self._canvas, self._pixel(box_xyxy[:2]), self._pixel(box_xyxy[2:]), colour, 1, cv2.LINE_AA)
        return self

    def label(self, text: str, xy: FloatArray, colour: Colour) -> "Panel":
        """Write text beside a position."""
        self._write(text, self._pixel(xy), colour)
        return self

    def finished(self) -> Picture:
        """The drawn panel, RGB."""
        if self._text:
            (width, _), _ = cv2.getTextSize(self._text, cv2.FONT_HERSHEY_SIMPLEX, _TEXT, 1)
            cv2.rectangle(self._canvas, (0, 0), (width + 9, 19), _BLACK, -1)
            self._write(self._text, (5, 14), WHITE)
        return np.asarray(self._canvas, dtype=np.uint8)

    def _write(self, text: str, position: tuple[int, int], colour: Colour) -> None:
        for shade, thickness in ((_BLACK, 3), (colour, 1)):
            cv2.putText(self._canvas, text, position, cv2.FONT_HERSHEY_SIMPLEX, _TEXT, shade, thickness, cv2.LINE_AA)

    def _pixel(self, xy: FloatArray) -> tuple[int, int]:
        x, y = np.clip((np.asarray(xy) - self._origin) * self._scale, -4096, 4096)
        return round(float(x)), round(float(y))


def region_around(boxes_xyxy: Sequence[FloatArray], picture: Picture) -> FloatArray:
    """A box around all boxes with a margin, inside the picture; NaN boxes are ignored."""
    boxes = np.array([box for box in boxes_xyxy if np.isfinite(box).all()]).reshape(-1, 4)
    height, width = picture.shape[:2]
    if not len(boxes):
        return np.array([0.0, 0.0, width - 1.0, height - 1.0])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    reach = np.maximum((high - low) * (0.5 + _MARGIN), _SMALLEST_PX)
    middle = np.clip((low + high) / 2, 0, [width - 1, height - 1])
    return clip(np.concatenate([middle - reach, middle + reach]), width=width, height=height)


def whole(picture: Picture) -> FloatArray:
    """The region that is the whole picture."""
    return region_around([], picture)


def extent_of(xy: FloatArray, shown: BoolArray) -> FloatArray:
    """Box (4,) around the shown keypoints of one pose; NaN without any."""
    return extent_xyxy(xy[:, 0], xy[:, 1], shown)


def resized_cut(picture: Picture, region_xyxy: FloatArray, height_px: int) -> Picture:
    """The region of a picture, in another height."""
    left, top, right, bottom = (int(side) for side in region_xyxy)
    cut = picture[top : bottom + 1, left : right + 1]
    scale = height_px / cut.shape[0]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    width = max(1, round(cut.shape[1] * scale))
    return np.ascontiguousarray(cv2.resize(cut, (width, height_px), interpolation=method))


def with_heat(picture: Picture, heat: Float32Array) -> Picture:
    """The picture in grey with values (H,W), 0 to 1, laid over it in colour."""
    layer = heat_layer(heat).astype(np.float32)
    share = np.sqrt(heat)[..., None]
    return np.asarray(in_grey(picture).astype(np.float32) * (1 - share) + layer[..., :3] * share, dtype=np.uint8)


def in_grey(picture: Picture) -> Picture:
    """The picture without colour and darker, to lay a map over it."""
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return np.asarray(grey * 0.7, dtype=np.uint8)


def heat_layer(heat: Float32Array) -> Picture:
    """Values (H,W), 0 to 1, as colours (H,W,4) RGBA that are the less transparent the larger they are."""
    colour = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    return np.concatenate([colour, (np.sqrt(heat)[..., None] * 255).astype(np.uint8)], axis=2)


def joined(panels: Sequence[Panel]) -> Picture:
    """Panels of one height side by side with a gap."""
    drawn = [panel.finished() for panel in panels]
    gap = np.full((len(drawn[0]), 4, 3), 255, np.uint8)
    parts = [part for panel in drawn for part in (panel, gap)]
    return np.concatenate(parts[:-1], axis=1)


def data_uri(picture: Picture) -> str:
    """The picture as a JPEG inside a URI, so that the page needs no file beside it."""
    return _encoded("jpeg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def layer_uri(layer: Picture) -> str:
    """A picture (H,W,4) RGBA as a PNG inside a URI."""
    return _encoded("png", layer[..., [2, 1, 0, 3]], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _encoded(kind: str, picture: Picture, options: Sequence[int]) -> str:
    """The URI of a picture in OpenCV's order of channels."""
    done, data = cv2.imencode(f".{kind}", picture, options)
    if not done:
        raise OSError(f"the {kind.upper()} encoder refused a picture of shape {picture.shape}")
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
