"""A person detector as detectors are: late, shaky, double, and now and then seeing ghosts."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import FloatArray
from tasks.demo_corpus.params import DetectorParams
from tasks.demo_corpus.scenes import Scene
from tasks.demo_corpus.seeds import generator
from tasks.demo_corpus.truth import PersonTruth, box_of_mask


@dataclass(frozen=True)
class Detection:
    """A box x, y, w, h in pixels and its score in [0, 1]."""

    box_xywh: FloatArray
    score: float


def miss_probability(person: PersonTruth, params: DetectorParams) -> float:
    """How likely the detector overlooks a person: more under occlusion, blur, and at tiny size."""
    hidden = (1 - person.visible_share) ** 2 * params.miss_rate_occluded
    blur = min(1.0, person.speed_px / params.blur_reference_px) * params.miss_rate_blurred
    return float(min(1.0, params.miss_rate + hidden + blur))


class Detector:
    """Watches one scene; its luck with each person drifts slowly, so that misses come in runs."""

    def __init__(self, scene: Scene, params: DetectorParams) -> None:
        self._scene, self._params = scene, params
        self._rng = generator(scene.seed, "detector")
        self._luck = self._rng.normal(0, 1, len(scene.figures))
        self._ghost_luck = self._rng.normal(0, 1, len(scene.clutter))

    def detect(self, frame: int, people: list[PersonTruth]) -> list[Detection]:
        """All boxes of one frame, best first; call once per frame, in order."""
        params, rng = self._params, self._rng
        keep = params.miss_persistence
        self._luck = keep * self._luck + np.sqrt(1 - keep**2) * rng.normal(0, 1, len(self._luck))
        self._ghost_luck = keep * self._ghost_luck + np.sqrt(1 - keep**2) * rng.normal(0, 1, len(self._ghost_luck))
        detections = []
        for person in people:
            if _normal_share(self._luck[person.person]) >= miss_probability(person, params) and person.mask.sum() >= 20:
                detections += self._boxes(person)
        detections += self._ghosts(frame) + self._spectators(frame)
        size = (self._scene.camera.width, self._scene.camera.height)
        inside = [Detection(_clipped(d.box_xywh, size), d.score) for d in detections]
        return sorted((d for d in inside if d.box_xywh[2] >= 4 and d.box_xywh[3] >= 4), key=lambda d: -d.score)

    def _boxes(self, person: PersonTruth) -> list[Detection]:
        """The person's own box, and now and then a second one."""
        params, rng = self._params, self._rng
        seen = box_of_mask(person.mask)
        trust = rng.uniform(0, 1) * (person.visible_share < 0.97)
        truth = trust * seen + (1 - trust) * person.whole_box_xywh
        worth = 0.985 - 0.45 * (1 - person.visible_share) - 0.12 * min(1.0, person.speed_px / params.blur_reference_px)
        worth -= 0.06 * person.cut + 0.1 * max(0.0, 1 - truth[3] / 60)
        boxes = [Detection(self._shaken(truth, 1.0 + (1 - person.visible_share)), self._score(worth))]
        if rng.random() < params.upper_body_rate:
            upper = truth * (1, 1, 1, 1) * np.array([1, 1, 1, rng.uniform(0.42, 0.6)])
            boxes.append(Detection(self._shaken(upper, 1.0), self._score(worth - rng.uniform(0.1, 0.4))))
        if rng.random() < params.full_body_rate:
            boxes.append(Detection(self._shaken(truth, 3.0), self._score(worth - rng.uniform(0.05, 0.35))))
        return boxes

    def _shaken(self, box: FloatArray, factor: float) -> FloatArray:
        sides = self._rng.normal(0, self._params.jitter * factor, 4) * np.array([box[2], box[3], box[2], box[3]])
        low, high = box[:2] + sides[:2], box[:2] + box[2:] + sides[2:]
        return np.concatenate([low, np.maximum(high - low, 1.0)])

    def _score(self, worth: float) -> float:
        return float(np.clip(worth + self._rng.normal(0, self._params.score_noise), 0.02, 0.999))

    def _ghosts(self, frame: int) -> list[Detection]:
        """Clutter taken for persons, at the same few points of the scene."""
        seen = [i for i, luck in enumerate(self._ghost_luck) if _normal_share(luck) < self._params.false_positive_rate]
        boxes = [_moved(self._scene.clutter[i], self._scene.backdrop_map(frame)) for i in seen]
        return [Detection(self._shaken(box, 1.5), self._score(self._rng.uniform(0.1, 0.6))) for box in boxes]

    def _spectators(self, frame: int) -> list[Detection]:
        """Boxes around a few of a background crowd, which lie in ignore regions."""
        boxes = []
        for outline in self._scene.crowd:
            low, high = outline.min(0), outline.max(0)
            width = 0.36 * (high[1] - low[1])
            for x in np.arange(low[0], high[0] - width, width):
                if self._rng.random() < self._params.crowd_rate:
                    box = _moved(np.array([x, low[1], width, high[1] - low[1]]), self._scene.backdrop_map(frame))
                    boxes.append(Detection(self._shaken(box, 1.5), self._score(self._rng.uniform(0.2, 0.8))))
        return boxes


def _normal_share(value: float) -> float:
    """Share of the normal distribution below a value, by the logistic approximation."""
    return float(1 / (1 + np.exp(-1.702 * value)))


def _moved(box: FloatArray, turn: FloatArray) -> FloatArray:
    x, y, w, h = box
    corners = cv2.perspectiveTransform(np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]]]), turn)[0]
    low, high = corners.min(0), corners.max(0)
    return np.concatenate([low, high - low])


def _clipped(box: FloatArray, size: tuple[int, int]) -> FloatArray:
    low = np.clip(box[:2], 0, np.array(size))
    high = np.clip(box[:2] + box[2:], 0, np.array(size))
    return np.concatenate([low, high - low])
