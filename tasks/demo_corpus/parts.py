"""Body parts in the picture: rounded limbs and heads that know where each point of their surface is seen.

Every part maps pixels to surface coordinates (along, around) and back: one rule for drawing and for true optical flow.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from models.arrays import BoolArray, Float32Array, FloatArray, Picture
from tasks.demo_corpus.textures import CAP_ROWS, ROWS

Floats = TypeVar("Floats", FloatArray, Float32Array)
CAP = CAP_ROWS / ROWS


def saturate(values: Floats, low: float = 0.0, high: float = 1.0) -> Floats:
    """`np.clip` without its fixed cost, which would be a third of all drawing."""
    return np.minimum(np.maximum(values, low), high)


@dataclass(frozen=True)
class Surface:
    """What a part shows at some pixels: coverage, texture coordinates in shares, depth in metres, brightness."""

    cover: FloatArray
    along: FloatArray
    around: FloatArray
    depth: FloatArray
    light: FloatArray


class Part(Protocol):
    """A piece of one body at one moment."""

    @property
    def texture(self) -> list[Picture]:
        """Pictures of the surface, from large to small."""
        ...

    @property
    def size_px(self) -> float:
        """Size along the texture's rows, for the choice of texture size."""
        ...

    @property
    def depth_m(self) -> float:
        """Mean distance from the camera."""
        ...

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels."""
        ...

    def surface(self, x: FloatArray, y: FloatArray) -> Surface:
        """What is seen of the part at pixels of any common shape."""
        ...

    def place(self, along: FloatArray, around: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Where surface coordinates are seen: x, y, and whether they face the camera."""
        ...


@dataclass(frozen=True)
class Tube:
    """A tapered limb between two points, round at both ends."""

    start: FloatArray
    along_axis: FloatArray
    """Unit vector in the picture, from the start to the end."""
    across_axis: FloatArray
    """Unit vector in the picture that the surface angle grows or falls along."""
    length: float
    radii: tuple[float, float]
    caps: tuple[float, float]
    """Height of the rounded ends in shares of the radii."""
    profile: tuple[float, ...]
    """Factors of the radius at equal steps along the part."""
    angle: float
    """Surface angle that faces the camera."""
    sense: float
    """+1 when the surface angle grows along `across_axis`, else -1."""
    depths: tuple[float, float]
    thickness_m: float
    light: tuple[float, float]
    """Brightness of a surface that faces the camera, and its change across."""
    texture: list[Picture]

    @property
    def size_px(self) -> float:
        """Length with both ends, for the choice of texture size."""
        return self.length + self.radii[0] + self.radii[1]

    @property
    def depth_m(self) -> float:
        """Mean distance from the camera."""
        return 0.5 * (self.depths[0] + self.depths[1])

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels."""
        end = self.start + self.along_axis * self.length
        reach = max(self.radii) * max(1.0, *self.profile, *self.caps) + 1
        low, high = np.minimum(self.start, end) - reach, np.maximum(self.start, end) + reach
        return low[0], low[1], high[0], high[1]

    def _radius(self, share: FloatArray) -> FloatArray:
        width = self.radii[0] + (self.radii[1] - self.radii[0]) * share
        if len(self.profile) == 1:
            return width
        return width * np.interp(share, np.linspace(0, 1, len(self.profile)), self.profile)

    def surface(self, x: FloatArray, y: FloatArray) -> Surface:
        """See Part."""
        dx, dy = x - self.start[0], y - self.start[1]
        along = dx * self.along_axis[0] + dy * self.along_axis[1]
        across = dx * self.across_axis[0] + dy * self.across_axis[1]
        share = saturate(along / max(self.length, 1e-6))
        before = -along / max(self.caps[0] * self.radii[0], 1e-6)
        after = (along - self.length) / max(self.caps[1] * self.radii[1], 1e-6)
        over = saturate(np.maximum(before, after))
        radius = self._radius(share) * np.sqrt(1 - over * over)
        sine = saturate(across / np.maximum(radius, 1e-6), -1, 1)
        cosine = np.sqrt(1 - sine * sine)
        rows = CAP + (1 - 2 * CAP) * share + CAP * (saturate(after) - saturate(before))
        return Surface(
            cover=saturate(radius - np.abs(across) + 0.5) * (radius > 0),
            along=rows,
            around=(self.angle + self.sense * np.arcsin(sine)) / (2 * np.pi) + 0.5,
            depth=self.depths[0] + (self.depths[1] - self.depths[0]) * share - self.thickness_m * cosine,
            light=(0.55 + 0.45 * cosine) * self.light[0] + self.light[1] * sine,
        )

    def place(self, along: FloatArray, around: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """See Part."""
        share = saturate((along - CAP) / (1 - 2 * CAP))
        before = saturate((CAP - along) / CAP)
        after = saturate((along - 1 + CAP) / CAP)
        radius = self._radius(share) * np.sqrt(1 - np.maximum(before, after) ** 2)
        turned = (around - 0.5) * 2 * np.pi - self.angle
        down = share * self.length - before * self.caps[0] * self.radii[0] + after * self.caps[1] * self.radii[1]
        out = radius * np.sin(turned) * self.sense
        x = self.start[0] + down * self.along_axis[0] + out * self.across_axis[0]
        y = self.start[1] + down * self.along_axis[1] + out * self.across_axis[1]
        return x, y, np.cos(turned) > 0


@dataclass(frozen=True)
class Ball:
    """A head: an ellipse whose surface is turned by the head's own frame."""

    centre: FloatArray
    right_axis: FloatArray
    """Unit vector in the picture; the other axis is square to it, upwards."""
    up_axis: FloatArray
    radii: tuple[float, float]
    basis: FloatArray
    """(3,3): columns are right, up and towards the camera of the ellipse, in the head's left, up, forward axes."""
    depth_m: float
    thickness_m: float
    light: tuple[float, float]
    texture: list[Picture]

    @property
    def size_px(self) -> float:
        """Height, for the choice of texture size."""
        return 2 * self.radii[1]

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels."""
        reach = max(self.radii) + 1
        x, y = self.centre
        return x - reach, y - reach, x + reach, y + reach

    def surface(self, x: FloatArray, y: FloatArray) -> Surface:
        """See Part."""
        dx, dy = x - self.centre[0], y - self.centre[1]
        right = (dx * self.right_axis[0] + dy * self.right_axis[1]) / self.radii[0]
        up = (dx * self.up_axis[0] + dy * self.up_axis[1]) / self.radii[1]
        reach = np.sqrt(right * right + up * up)
        inside = np.minimum(1, 0.999 / np.maximum(reach, 1e-9))
        right, up = right * inside, up * inside
        near = np.sqrt(1 - right * right - up * up)
        left, above, front = np.tensordot(self.basis, np.stack([right, up, near]), 1)
        return Surface(
            cover=saturate((1 - reach) * min(self.radii) + 0.5),
            along=0.5 - np.arcsin(saturate(above, -1, 1)) / np.pi,
            around=np.arctan2(left, front) / (2 * np.pi) + 0.5,
            depth=self.depth_m - self.thickness_m * near,
            light=(0.6 + 0.4 * near) * self.light[0] + self.light[1] * right,
        )

    def place(self, along: FloatArray, around: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """See Part."""
        height, turn = (0.5 - along) * np.pi, (around - 0.5) * 2 * np.pi
        direction = np.stack([np.cos(height) * np.sin(turn), np.sin(height), np.cos(height) * np.cos(turn)])
        right, up, near = np.tensordot(self.basis.T, direction, 1)
        x = self.centre[0] + right * self.radii[0] * self.right_axis[0] + up * self.radii[1] * self.up_axis[0]
        y = self.centre[1] + right * self.radii[0] * self.right_axis[1] + up * self.radii[1] * self.up_axis[1]
        return x, y, near > 0
