"""A scene: who is where at every moment, what stands around, how the camera moves, and what light there is."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import FloatArray, Picture
from tasks.demo_corpus.backdrops import View
from tasks.demo_corpus.camera import Camera
from tasks.demo_corpus.canvas import PARTS_PER_PERSON, Canvas, Layer
from tasks.demo_corpus.figures import Figure
from tasks.demo_corpus.seeds import generator


@dataclass(frozen=True)
class Light:
    """Exposure: gain of the colours, tint (3,), sensor noise in grey levels, focus blur in pixels."""

    gain: float
    tint: tuple[float, float, float]
    noise: float
    focus_px: float


@dataclass(frozen=True)
class Scene:
    """One picture or one video, ready to be rendered. Moments are frames times sub-frames."""

    name: str
    tags: tuple[str, ...]
    seed: int
    camera: Camera
    figures: list[Figure]
    view: View
    backdrop: Picture
    turns: FloatArray
    """Homographies (moments,3,3) from backdrop pixels to the pixels of the picture."""
    layers: list[Layer]
    light: Light
    frames: int
    subframes: int
    crowd: list[FloatArray]
    """Outlines (N,2) of background crowds in pixels of the backdrop."""
    clutter: FloatArray
    """Boxes (N,4) x, y, w, h in pixels of the backdrop that a detector may take for persons."""
    labelled: tuple[bool, ...]

    def moment(self, frame: int) -> int:
        """The moment that a frame's annotations are of: the middle of its exposure."""
        return frame * self.subframes + self.subframes // 2

    def backdrop_map(self, frame: int) -> FloatArray:
        """Homography (3,3) from backdrop pixels to the frame's pixels."""
        return np.asarray(self.turns[self.moment(frame)])

    def canvas(self, frame: int) -> Canvas:
        """The sharp picture in the middle of the exposure, with depth and owners."""
        return self._render(self.moment(frame))

    def photograph(self, frame: int, sharp: Canvas) -> Picture:
        """What the sensor records, RGB (H,W,3): exposure over the sub-frames, focus, light and noise."""
        middle = self.moment(frame)
        moments = range(frame * self.subframes, (frame + 1) * self.subframes)
        colours = sum((self._render(m).colours for m in moments if m != middle), sharp.colours) / self.subframes
        if self.light.focus_px > 0.2:
            colours = np.asarray(cv2.GaussianBlur(colours, (0, 0), self.light.focus_px))
        rng = generator(self.seed, "sensor", self.name, frame)
        speckle = rng.standard_normal(colours.shape, np.float32)
        grain = self.light.noise * (0.9 * speckle[..., :1] + 0.5 * speckle)
        return np.clip(
            colours * np.float32(self.light.gain) * np.array(self.light.tint, np.float32) + grain, 0, 255
        ).astype(np.uint8)

    def _render(self, moment: int) -> Canvas:
        size = (self.camera.width, self.camera.height)
        turn = self.turns[moment]
        canvas = Canvas(
            np.asarray(cv2.warpPerspective(self.backdrop, turn, size, borderMode=cv2.BORDER_REFLECT), np.uint8)
        )
        drawn = []
        for person, figure in enumerate(self.figures):
            _drop_shadow(canvas, figure, self.camera, moment)
            parts = figure.parts(moment)
            drawn += [(part, person * PARTS_PER_PERSON + i) for i, part in enumerate(parts) if part.depth_m > 0.6]
        for part, owner in sorted(drawn, key=lambda pair: -pair[0].depth_m):
            canvas.draw(part, owner=owner)
        for layer in self.layers:
            canvas.cover(Layer(np.asarray(cv2.warpPerspective(layer.picture, turn, size), np.uint8), layer.depth_m))
        return canvas


def _drop_shadow(canvas: Canvas, figure: Figure, camera: Camera, moment: int) -> None:
    depth = figure.points["ground"][moment, 2]
    if depth < 0.6:
        return
    radius = 0.42 * camera.focal[moment] / depth
    flat = max(0.12, min(0.6, camera.eye_height / depth))
    canvas.shade(figure.pixels["ground"][moment], (radius, radius * flat + 1), 0.5)
