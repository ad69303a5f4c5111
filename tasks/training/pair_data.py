"""Pairs of pictures with known correspondences, made from single pictures by random warps (4.3)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.arrays import BoolArray, FloatArray, IntArray, Picture
from models.keypoints import KEYPOINT_COUNT
from models.warps.background import at, before, body_mask
from models.warps.warp import Warp, draw_bend
from tasks.params.pair_training import PairTrainingSection
from tasks.training.job import Batch
from tasks.training.pair_keypoints import HEAD_TOP, pair_keypoints
from tasks.training.persons import Persons, Source
from tasks.training.pictures import (
    Pictures,
    chain,
    images_of,
    jitter_brightness,
    log_uniform,
    motion_blur,
    similarity_about,
)

_CENTRE_JITTER = 0.25
"""Shift of the cut against the person it is about, as a share of its side."""
_SPREAD_PX = 6.0
"""Standard deviation of extra points around keypoints, in pixels of the network's picture."""
_HIDDEN_SHARE = (0.2, 0.6)
"""Sides of the rectangle that truncation blanks, as a share of the picture's side."""


@dataclass(frozen=True)
class Pair:
    """Two pictures (H,W,3), and where the keypoints of P persons are in each.

    xy arrays are (P,17,2) in pixels; `labelled` (P,17) tells which keypoints ask for a correspondence, which are those
    inside the first picture; `shown` which of them the second picture shows.
    """

    first: Picture
    second: Picture
    first_xy: FloatArray
    second_xy: FloatArray
    labelled: BoolArray
    shown: BoolArray


class PairData:
    """Pictures with their persons, from which pairs are drawn."""

    def __init__(self, root: Path, persons: Persons, source: Source, section: PairTrainingSection) -> None:
        self._section = section
        self._pictures = Pictures(root, persons.places)
        self._xy, self._labelled = pair_keypoints(persons, source, head_from_trunk=section.head_from_trunk)
        order = np.argsort(persons.picture, kind="stable")
        self._numbers, starts = np.unique(persons.picture[order], return_index=True)
        self._of_picture = np.split(order, starts[1:])

    def __len__(self) -> int:
        """Pictures, each one sample."""
        return len(self._numbers)

    def batch(self, samples: IntArray, generators: list[np.random.Generator]) -> Batch:
        """One pair of each sample, as tensors.

        first, second: (B,3,S,S) in 0..1; first_xy, second_xy: (B,P,17,2) float32 pixels, P the most persons of a pair;
        labelled, shown: (B,P,17) bool, false where a pair has fewer persons.
        """
        pairs = [self.pair(int(sample), generator) for sample, generator in zip(samples, generators, strict=True)]
        jitter = self._section.brightness
        return {
            "first": jitter_brightness(images_of([pair.first for pair in pairs]), jitter, generators),
            "second": jitter_brightness(images_of([pair.second for pair in pairs]), jitter, generators),
            "first_xy": _padded([pair.first_xy.astype(np.float32) for pair in pairs]),
            "second_xy": _padded([pair.second_xy.astype(np.float32) for pair in pairs]),
            "labelled": _padded([pair.labelled for pair in pairs]),
            "shown": _padded([pair.shown for pair in pairs]),
        }

    def pair(self, sample: int, generator: np.random.Generator) -> Pair:
        """Draw a pair of one picture: the cut that is seen first, and a random warp of it."""
        size = self._section.size_px
        picture, first = self._first_warp(sample, generator)
        second = self._second_warp(first, generator)
        xy, labelled = self._persons_seen(sample, first, generator)
        first_xy, second_xy = first.moved(xy), second.moved(xy)
        shown = labelled & self._inside(second_xy)
        first_view = self._blurred(first.view(picture, size), generator)
        second_view = second.view(picture, size)
        if self._section.other_background and generator.random() < self._section.other_background:
            mask = self._bodies(sample, second)
            if (shown & at(mask, second_xy)).any():
                second_view = before(self._other_view(sample, generator), second_view, mask)
                shown &= at(mask, second_xy)
        second_view = self._blurred(second_view, generator)
        hidden = self._truncate(second_view, generator)
        x, y = second_xy[..., 0], second_xy[..., 1]
        covered = (x >= hidden[0]) & (y >= hidden[1]) & (x < hidden[2]) & (y < hidden[3])
        return Pair(first_view, second_view, first_xy, second_xy, labelled, shown & ~covered)

    def _first_warp(self, sample: int, generator: np.random.Generator) -> tuple[Picture, Warp]:
        """Fit the whole picture into a square; where that exceeds the network's picture, cut around a random person."""
        size, picture, persons = self._section.size_px, self._picture(sample), self._of_picture[sample]
        extent = np.array(picture.shape[1::-1], dtype=np.float64)
        scale = log_uniform(generator, self._section.fit_px_range) / extent.max()
        about = int(generator.choice(persons))
        wanted = self._xy[about][self._labelled[about]].mean(axis=0) if self._labelled[about].any() else extent / 2
        wanted = wanted * scale + generator.uniform(-_CENTRE_JITTER, _CENTRE_JITTER, 2) * size
        reach = np.maximum(extent * scale - size, 0) / 2
        centre = np.clip(wanted, extent * scale / 2 - reach, extent * scale / 2 + reach)
        return picture, Warp(np.column_stack([np.eye(2) * scale, size / 2 - centre]))

    def _picture(self, sample: int) -> Picture:
        return self._pictures[int(self._numbers[sample])]

    def _second_warp(self, first: Warp, generator: np.random.Generator) -> Warp:
        section, size = self._section, self._section.size_px
        shift = generator.uniform(-section.translation_share, section.translation_share, 2) * size
        similarity = similarity_about(
            ((size - 1) / 2, (size - 1) / 2),
            degrees=generator.uniform(-section.rotation_degrees, section.rotation_degrees),
            scale=log_uniform(generator, section.scale_range),
            shift_xy=(float(shift[0]), float(shift[1])),
            mirror_width=size if generator.random() < section.flip_probability else 0,
        )
        bend = draw_bend(section.deformation_slope, size, generator) if section.deformation_slope else None
        return Warp(chain(similarity, first.affine), bend)

    def _bodies(self, sample: int, warp: Warp) -> BoolArray:
        persons = self._of_picture[sample]
        return body_mask(warp.moved(self._xy[persons]), self._labelled[persons], size_px=self._section.size_px)

    def _other_view(self, sample: int, generator: np.random.Generator) -> Picture:
        """A view of another picture, with other persons in it, if there is one."""
        other = (sample + 1 + int(generator.integers(max(1, len(self) - 1)))) % len(self)
        picture, warp = self._first_warp(other, generator)
        return warp.view(picture, self._section.size_px)

    def _persons_seen(self, sample: int, first: Warp, generator: np.random.Generator) -> tuple[FloatArray, BoolArray]:
        """Persons with a keypoint in the first picture, at most max_persons of them: keypoints (P,17,2), labelled."""
        picture, persons = self._picture(sample), self._of_picture[sample]
        labelled = self._labelled[persons] & self._inside(first.moved(self._xy[persons]))
        top = self._xy[persons][:, HEAD_TOP]
        labelled[:, HEAD_TOP] &= ((top >= 0) & (top < picture.shape[1::-1])).all(axis=-1)
        labelled &= generator.random(labelled.shape) >= self._section.drop_keypoint_probability
        seen = generator.permutation(np.flatnonzero(labelled.any(axis=1)))[: self._section.max_persons]
        chosen, told = self._xy[persons][seen], labelled[seen]
        if not self._section.extra_points or not told.any():
            return chosen, told
        extra = self._points_around(chosen[told], _SPREAD_PX / first.affine[0, 0], generator)
        return np.concatenate([chosen, extra]), np.concatenate([told, self._inside(first.moved(extra))])

    def _points_around(self, keypoints: FloatArray, spread: float, generator: np.random.Generator) -> FloatArray:
        """Random points near the keypoints (K,2), as (extra_points,17,2), all in pixels of the picture."""
        shape = (self._section.extra_points, KEYPOINT_COUNT)
        return keypoints[generator.integers(len(keypoints), size=shape)] + spread * generator.normal(size=(*shape, 2))

    def _blurred(self, view: Picture, generator: np.random.Generator) -> Picture:
        return motion_blur(view, self._section.blur_px, generator) if self._section.blur_px else view

    def _truncate(self, view: Picture, generator: np.random.Generator) -> tuple[float, float, float, float]:
        """Blank a random rectangle in place, sometimes; the rectangle as x, y, x, y."""
        if generator.random() >= self._section.truncation_probability:
            return (0.0, 0.0, 0.0, 0.0)
        size = self._section.size_px
        sides = np.round(generator.uniform(*_HIDDEN_SHARE, 2) * size).astype(int)
        x, y = (int(start) for start in generator.integers(1 - sides // 2, size - sides // 2))
        box = (max(0, x), max(0, y), min(size, x + int(sides[0])), min(size, y + int(sides[1])))
        view[box[1] : box[3], box[0] : box[2]] = generator.integers(0, 256, 3)
        return (box[0] - 0.5, box[1] - 0.5, box[2] - 0.5, box[3] - 0.5)  # a pixel's place is its centre

    def _inside(self, xy: FloatArray) -> BoolArray:
        return np.asarray(((xy >= 0) & (xy < self._section.size_px)).all(axis=-1))


def _padded(parts: list[npt.NDArray[np.generic]]) -> torch.Tensor:
    """Stack (P_i,17,...) arrays to (B,P,17,...), zeros or false where P_i < P; P is at least 1."""
    most = max(1, *(len(part) for part in parts))
    stacked = np.zeros((len(parts), most, KEYPOINT_COUNT, *parts[0].shape[2:]), dtype=parts[0].dtype)
    for row, part in zip(stacked, parts, strict=True):
        row[: len(part)] = part
    return torch.from_numpy(stacked)
