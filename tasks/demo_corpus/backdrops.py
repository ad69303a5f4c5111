"""The world behind and before the people: ground, walls, sky, clutter, and things that stand in the way.

All of it is painted once, for a camera that looks straight ahead; turning the real camera moves it by a homography.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.arrays import Float32Array, FloatArray, Picture
from tasks.demo_corpus.canvas import Layer
from tasks.demo_corpus.parts import saturate

Point = tuple[float, float]


@dataclass(frozen=True)
class View:
    """The straight-ahead camera: size and focal length in pixels, the horizon's row, eye height in metres."""

    width: int
    height: int
    focal: float
    horizon: float
    eye_height: float

    def pixel(self, x: float, y: float, z: float) -> tuple[float, float]:
        """The pixel of a world point in metres."""
        return self.width / 2 + self.focal * x / z, self.horizon - self.focal * (y - self.eye_height) / z

    def half_width_m(self, z: float) -> float:
        """Half of what the view spans at a distance, metres."""
        return 0.5 * self.width * z / self.focal


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, ...]) -> FloatArray:
    """Smooth noise around 0 with about unit spread, summed over grids of the given numbers of cells."""
    total = np.zeros(shape)
    for weight, count in enumerate(cells, start=1):
        grid = rng.normal(0, 1, (count, count)).astype(np.float32)
        total += np.asarray(cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)) / weight
    return total


class Painter:
    """Paints flat shapes given in metres at a distance, onto a picture and its alpha."""

    def __init__(self, view: View, picture: Picture) -> None:
        self.view, self.picture = view, picture
        self.alpha = np.zeros(picture.shape[:2], np.uint8)

    def shape(self, corners: list[Point], z: float, colour: FloatArray) -> None:
        """A filled polygon of (x, y) corners in metres at distance z."""
        points = np.array([self.view.pixel(x, y, z) for x, y in corners])
        fixed = np.round(points * 16).astype(np.int32)
        tint = tuple(float(v) for v in np.clip(colour, 0, 255))
        cv2.fillPoly(self.picture, [fixed], tint, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [fixed], 255.0, cv2.LINE_AA, 4)

    def box(self, x: float, y: float, size: Point, z: float, colour: FloatArray) -> None:
        """An upright rectangle; (x, y) is the middle of its lower edge."""
        half = size[0] / 2
        self.shape([(x - half, y), (x + half, y), (x + half, y + size[1]), (x - half, y + size[1])], z, colour)

    def blob(self, x: float, y: float, radius: float, z: float, colour: FloatArray) -> None:
        """A leafy round shape."""
        turns = np.linspace(0, 2 * np.pi, 15)[:-1]
        wobble = 1 + 0.18 * np.sin(turns * 5 + x * 7 + y * 3)
        self.shape(
            [(x + radius * w * np.cos(t), y + radius * w * np.sin(t)) for t, w in zip(turns, wobble, strict=True)],
            z,
            colour,
        )


GROUNDS: Final[dict[str, tuple[int, int, int]]] = {
    "grass": (92, 118, 58), "asphalt": (96, 96, 100), "paving": (150, 142, 130), "wood": (158, 116, 74),
    "sand": (206, 184, 140), "carpet": (110, 70, 76),
}  # fmt: skip
TILE_PX: Final = 256


def _ground(view: View, rng: np.random.Generator, picture: Picture, kind: str) -> None:
    """Fills everything below the horizon with a surface that recedes."""
    tile = _tile(rng, kind)
    top = int(np.ceil(view.horizon)) + 1
    if top >= view.height:
        return
    below = np.arange(top, view.height, dtype=np.float32)[:, None] - np.float32(view.horizon)
    far = np.asarray(np.float32(view.focal * view.eye_height) / below, np.float32)
    sideways = (np.arange(view.width, dtype=np.float32) - np.float32(view.width / 2)) / np.float32(view.focal)
    across = np.asarray(sideways * far, np.float32)
    x, y = _mirrored(across), np.broadcast_to(_mirrored(far), across.shape)
    sampled = np.asarray(cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    fade = saturate((far - 5) / 12)[..., None]
    picture[top:] = sampled * (1 - fade) + tile.mean((0, 1), dtype=np.float32) * fade


def _mirrored(metres: Float32Array) -> Float32Array:
    """Pixel of the tile at a distance along one axis; every other tile is laid mirrored."""
    folded = np.abs(TILE_PX - 0.5 - np.mod(metres * (TILE_PX / 4), 2 * TILE_PX))
    return np.asarray(TILE_PX - 0.5 - folded, np.float32)


def _tile(rng: np.random.Generator, kind: str) -> Picture:
    """A 4 m square of ground, TILE_PX wide; it is laid mirrored, so that no seam shows."""
    size = TILE_PX
    grain = noise(rng, (size, size), (8, 32, 128)) * {"grass": 20, "asphalt": 9, "sand": 12}.get(kind, 8)
    picture = np.array(GROUNDS[kind]) + rng.normal(0, 10, 3) + grain[..., None]
    rows, columns = np.mgrid[0:size, 0:size]
    if kind == "paving":
        step = int(rng.choice([32, 64]))
        picture[(rows % step < 3) | ((columns + (rows // step % 2) * step // 2) % step < 3)] *= 0.72
    if kind == "wood":
        picture *= 1 + 0.12 * np.sin(columns // 16 * 37.7)[..., None]
        picture[columns % 16 < 1] *= 0.7
    if kind == "asphalt":
        picture[np.abs(columns - 128 + 10 * np.sin(rows / 40)) < 4] += 70
    if kind == "carpet":
        picture[(rows // 32 + columns // 32) % 2 == 0] *= 0.85
    return np.clip(picture, 0, 255).astype(np.uint8)


def _sky(view: View, rng: np.random.Generator, picture: Picture) -> None:
    top = max(1, int(view.horizon) + 2)
    share = np.linspace(0, 1, top)[:, None, None]
    high, low = (
        np.array([120, 152, 196]) + rng.normal(0, 14) + rng.normal(0, 6, 3),
        np.array([206, 216, 226]) + rng.normal(0, 8, 3),
    )
    clouds = np.clip(noise(rng, (top, view.width), (4, 9, 20)), 0, 2)[..., None] * 22
    picture[:top] = np.clip(high * (1 - share) + low * share + clouds, 0, 255)


def _facade(painter: Painter, rng: np.random.Generator, z: float) -> None:
    """Houses with windows, doors and signs, wall to wall."""
    half = painter.view.half_width_m(z)
    x = -half - 1
    while x < half + 1:
        width, height = rng.uniform(4, 8), rng.uniform(4, 9)
        wall = np.array([176, 156, 136]) + rng.normal(0, 28) + rng.normal(0, 13, 3)
        painter.box(x + width / 2, 0, (width, height), z, wall)
        step = rng.uniform(1.3, 2.1)
        for row in np.arange(0.9, height - 1, 2.4):
            for column in np.arange(x + 0.6, x + width - 0.8, step):
                painter.box(column + 0.4, row, (0.8, 1.3), z, np.array([70, 84, 100]) + rng.normal(0, 18, 3))
                painter.box(column + 0.4, row, (0.06, 1.3), z, wall * 1.2)
        painter.box(x + rng.uniform(1, width - 1), 0, (1.0, 2.1), z, rng.uniform(30, 150, 3))
        x += width


def _trees(painter: Painter, rng: np.random.Generator, z: float) -> None:
    half = painter.view.half_width_m(z)
    for x in np.arange(-half, half, 1.1):
        green = np.array([62, 88, 48]) + rng.normal(0, 10) + rng.normal(0, 6, 3)
        painter.blob(x + rng.uniform(-0.4, 0.4), rng.uniform(0.3, 1.0), rng.uniform(0.8, 1.4), z, green)
    for x in rng.uniform(-half, half, int(half * 0.7) + 1):
        paint_tree(painter, rng, x, z - 0.5)


def _hall(painter: Painter, rng: np.random.Generator, z: float) -> None:
    """An indoor wall with panels, pictures, bars and a skirting board."""
    half = painter.view.half_width_m(z)
    wall = rng.uniform(110, 210, 3)
    painter.box(0, 0, (2 * half + 2, 9), z, wall)
    painter.box(0, 0, (2 * half + 2, rng.uniform(0.3, 1.2)), z, wall * rng.uniform(0.6, 0.85))
    for x in np.arange(-half, half, rng.uniform(1.6, 3.0)):
        kind = rng.integers(4)
        if kind == 0:
            painter.box(
                x, rng.uniform(1, 2), (rng.uniform(0.6, 1.4), rng.uniform(0.6, 1.2)), z, rng.uniform(20, 240, 3)
            )
        elif kind == 1:
            painter.box(x, 1.0, (1.2, 2.0), z, np.array([190, 205, 220.0]))
            painter.box(x, 1.0, (0.08, 2.0), z, wall * 0.5)
        elif kind == 2:
            painter.box(x, 0, (0.25, 6), z, wall * 0.75)
        else:
            painter.box(x, 0, (1.0, 2.1), z, rng.uniform(40, 150, 3))


SETTINGS: Final[dict[str, tuple[tuple[str, ...], Callable[[Painter, np.random.Generator, float], None]]]] = {
    "street": (("asphalt", "paving"), _facade),
    "park": (("grass", "sand"), _trees),
    "square": (("paving", "paving"), _facade),
    "hall": (("wood", "carpet"), _hall),
}
"""Kinds of settings: their grounds and what closes the view."""


def paint_backdrop(view: View, rng: np.random.Generator, setting: str, *, clutter: int) -> Picture:
    """The whole background of one scene, RGB (H,W,3)."""
    picture = np.zeros((view.height, view.width, 3), np.uint8)
    grounds, closing = SETTINGS[setting]
    distance = rng.uniform(13, 17) if setting != "hall" else rng.uniform(10.5, 12.5)
    _sky(view, rng, picture)
    _ground(view, rng, picture, str(rng.choice(grounds)))
    painter = Painter(view, picture)
    closing(painter, rng, distance)
    for _ in range(clutter):
        _paint_clutter(painter, rng, rng.uniform(8.5, distance - 1))
    grain = noise(rng, picture.shape[:2], (24, 60)) * 4
    return np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)


def _paint_clutter(painter: Painter, rng: np.random.Generator, z: float) -> None:
    """One of the things that lie about; some are as tall and thin as people."""
    x = rng.uniform(-1, 1) * painter.view.half_width_m(z)
    colour = rng.uniform(30, 230, 3)
    kind = int(rng.integers(6))
    if kind == 0:
        painter.box(x, 0, (0.5, 0.95), z, colour)
        painter.box(x, 0.9, (0.56, 0.1), z, colour * 0.6)
    elif kind == 1:
        painter.box(x, 0.42, (1.6, 0.1), z, colour)
        for leg in (-0.7, 0.7):
            painter.box(x + leg, 0, (0.08, 0.45), z, colour * 0.5)
    elif kind == 2:
        painter.box(x, 0, (0.08, 2.6), z, np.array([90, 90, 96.0]))
        painter.box(x, 2.1, (0.7, 0.5), z, colour)
    elif kind == 3:
        painter.blob(x, 0.45, rng.uniform(0.5, 0.8), z, np.array([58, 96, 44]) + rng.normal(0, 14, 3))
    elif kind == 4:
        painter.box(x, 0, (0.45, 1.25), z, colour)
        painter.blob(x, 1.45, 0.19, z, colour * 0.7)
    else:
        paint_car(painter, rng, x, z)


def paint_tree(painter: Painter, rng: np.random.Generator, x: float, z: float) -> None:
    """A trunk with a crown above head height."""
    bark = np.array([88, 68, 50]) + rng.normal(0, 10, 3)
    width = rng.uniform(0.28, 0.45)
    painter.shape([(x - width / 2, 0), (x + width / 2, 0), (x + width / 3, 3), (x - width / 3, 3)], z, bark)
    for rise in np.arange(0.2, 2.8, 0.22):
        painter.box(x + rng.uniform(-0.3, 0.3) * width, rise, (0.05, 0.16), z, bark * rng.uniform(0.65, 1.25))
    for _ in range(7):
        green = np.array([70, 108, 50]) + rng.normal(0, 16, 3)
        painter.blob(x + rng.uniform(-0.8, 0.8), rng.uniform(2.5, 3.8), rng.uniform(0.4, 0.7), z, green)


def paint_post(painter: Painter, rng: np.random.Generator, x: float, z: float) -> None:
    """A pillar or lamp post, as wide as an arm or a body."""
    colour, width = rng.uniform(60, 190, 3), rng.uniform(0.14, 0.4)
    painter.box(x, 0, (width, 5), z, colour)
    painter.box(x + 0.3 * width, 0, (0.25 * width, 5), z, colour * 0.75)
    painter.box(x, 0, (width * 1.5, 0.25), z, colour * 0.6)
    painter.box(x, 1.3, (width, 0.5), z, rng.uniform(30, 230, 3))


def paint_car(painter: Painter, rng: np.random.Generator, x: float, z: float) -> None:
    """A parked car from the side: hides legs and hips."""
    paint, dark = rng.uniform(30, 230, 3), np.array([26, 26, 30.0])
    outline = [(-2, 0.3), (2, 0.3), (2, 0.75), (1.3, 0.9), (0.8, 1.4), (-0.9, 1.4), (-1.5, 0.9), (-2, 0.8)]
    painter.shape([(x + a, b) for a, b in outline], z, paint)
    painter.shape(
        [(x + a, b) for a, b in [(1.05, 0.92), (0.7, 1.3), (0.02, 1.3), (0.02, 0.92)]], z, np.array([120, 140, 156.0])
    )
    painter.shape(
        [(x + a, b) for a, b in [(-0.1, 0.92), (-0.1, 1.3), (-0.8, 1.3), (-1.2, 0.92)]], z, np.array([120, 140, 156.0])
    )
    painter.box(x, 0.55, (3.9, 0.05), z, paint * 0.6)
    for wheel in (-1.25, 1.25):
        turns = np.linspace(0, 2 * np.pi, 17)[:-1]
        painter.shape([(x + wheel + 0.34 * np.cos(t), 0.34 + 0.34 * np.sin(t)) for t in turns], z, dark)
        painter.shape([(x + wheel + 0.17 * np.cos(t), 0.34 + 0.17 * np.sin(t)) for t in turns], z, dark + 120)


def paint_hedge(painter: Painter, rng: np.random.Generator, x: float, z: float) -> None:
    """A row of bushes up to the hips."""
    for step in np.arange(-1.1, 1.1, 0.22):
        for _ in range(2):
            green = np.array([58, 92, 46]) + rng.normal(0, 15, 3)
            painter.blob(x + step, rng.uniform(0.1, 0.6), rng.uniform(0.22, 0.34), z, green)


OCCLUDERS: Final = {"tree": paint_tree, "post": paint_post, "car": paint_car, "hedge": paint_hedge}


def occluder(view: View, rng: np.random.Generator, *, kind: str, x: float, z: float) -> Layer:
    """A thing that stands in the way at (x, z) metres, as an RGBA layer of the straight-ahead view."""
    painter = Painter(view, np.zeros((view.height, view.width, 3), np.uint8))
    OCCLUDERS[kind](painter, rng, x, z)
    grain = noise(rng, painter.picture.shape[:2], (40, 90))[..., None] * 6
    colours = np.clip(painter.picture + grain, 0, 255).astype(np.uint8)
    return Layer(np.dstack([colours, painter.alpha]), z)
