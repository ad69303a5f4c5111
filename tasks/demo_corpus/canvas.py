"""One picture in the making: colours, the depth of every pixel, and who owns it."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import BoolArray, FloatArray, Picture
from tasks.demo_corpus.parts import Part, Surface, saturate
from tasks.demo_corpus.textures import ROWS

Owners = np.ndarray[tuple[int, int], np.dtype[np.int16]]
NOBODY = -1
PARTS_PER_PERSON = 32
OCCLUDER = 30_000
"""Owners: person * PARTS_PER_PERSON + part, or OCCLUDER for what stands in the way, or NOBODY for the background."""


@dataclass(frozen=True)
class Layer:
    """A standing thing in front of the background: RGBA (H,W,4) as the camera sees it, at one depth in metres."""

    picture: Picture
    depth_m: float


class Canvas:
    """Colours (H,W,3) float32 from 0 to 255, depth (H,W) in metres and owner (H,W) of each pixel."""

    def __init__(self, background: Picture) -> None:
        self.colours = background.astype(np.float32)
        self.depth = np.full(background.shape[:2], np.inf, np.float32)
        self.owner: Owners = np.full(background.shape[:2], NOBODY, np.int16)
        self.silhouettes: dict[int, BoolArray] = {}
        """What each person would cover if nothing stood in front."""

    def shade(self, centre: FloatArray, radii: tuple[float, float], strength: float) -> None:
        """A soft shadow on the ground."""
        window = self._window((centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1]))
        if window is None:
            return
        rows, columns, x, y = window
        reach = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2
        self.colours[rows, columns] *= (1 - strength * saturate(1 - reach))[..., None].astype(np.float32)

    def draw(self, part: Part, *, owner: int) -> None:
        """Draws one part where it is nearer than what is there."""
        window = self._window(part.bounds())
        if window is None:
            return
        rows, columns, x, y = window
        seen = part.surface(x, y)
        person = owner // PARTS_PER_PERSON
        if person not in self.silhouettes:
            self.silhouettes[person] = np.zeros(self.depth.shape, bool)
        solid = seen.cover > 0.5
        self.silhouettes[person][rows, columns] |= solid
        cover = np.where(seen.depth < self.depth[rows, columns], seen.cover, 0)
        patch = self.colours[rows, columns]
        patch += (cover[..., None] * (_sample(part, seen) * seen.light[..., None] - patch)).astype(np.float32)
        taken = solid & (cover > 0)
        self.depth[rows, columns][taken] = seen.depth[taken]
        self.owner[rows, columns][taken] = owner

    def cover(self, layer: Layer) -> None:
        """Lays a standing thing over everything that is farther away."""
        alpha = layer.picture[..., 3].astype(np.float32) / 255 * (self.depth > layer.depth_m)
        self.colours += alpha[..., None] * (layer.picture[..., :3] - self.colours)
        solid = alpha > 0.5
        self.depth[solid] = layer.depth_m
        self.owner[solid] = OCCLUDER

    def _window(self, bounds: tuple[float, float, float, float]) -> tuple[slice, slice, FloatArray, FloatArray] | None:
        height, width = self.owner.shape
        left, top = max(0, int(bounds[0])), max(0, int(bounds[1]))
        right, bottom = min(width, int(bounds[2]) + 2), min(height, int(bounds[3]) + 2)
        if left >= right or top >= bottom:
            return None
        y, x = np.arange(top, bottom, dtype=np.float64)[:, None], np.arange(left, right, dtype=np.float64)[None]
        return slice(top, bottom), slice(left, right), x, y


def _sample(part: Part, seen: Surface) -> FloatArray:
    """Colours of a part's texture, from the size that fits the part in the picture."""
    level = min(len(part.texture) - 1, max(0, int(np.log2(ROWS / max(part.size_px, 1.0)) + 0.3)))
    picture = part.texture[level]
    rows, columns = picture.shape[:2]
    x = np.mod(seen.around, 1.0) * columns - 0.5
    y = saturate(seen.along * rows - 0.5, 0, rows - 1)
    return np.asarray(
        cv2.remap(picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP),
        np.float64,
    )
