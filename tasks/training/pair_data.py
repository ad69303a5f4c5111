"""Pairs of pictures with known correspondences, made from single pictures by random warps (4.3)."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from models.arrays import BoolArray, FloatArray, IntArray, Picture
from models.keypoints import KEYPOINT_COUNT
from models.poses.crops import image_tensor
from models.warps.affines import chain, log_uniform, similarity_about
from models.warps.appearance import blank_rectangle, jitter_brightness, motion_blur
from models.warps.background import body_mask, replace_background, sample_mask
from models.warps.keypoints import HEAD_TOP, posetrack_from_coco
from models.warps.warp import Warp, draw_bend
from tasks.params.pair_training import PairTrainingSection
from tasks.training.job import Batch
from tasks.training.persons import AnnotatedPersons, Source
from tasks.training.pictures import Pictures

_CENTRE_JITTER = 0.25
"""Largest shift of the view from the person it is centred on, as a share of its side."""
_SPREAD_PX = 6.0
"""Standard deviation of extra points around keypoints, in pixels of the view."""


@dataclass(frozen=True)
class WarpedPair:
    """Two square views (S,S,3) of one picture, with the keypoints of P persons in each.

    Attributes:
        first, second: the views.
        first_xy, second_xy: (P,17,2) px of the view.
        labelled: (P,17) keypoints to be matched: those labelled and inside the first view.
        shown: (P,17) those of them that the second view shows.
    """

    first: Picture
    second: Picture
    first_xy: FloatArray
    second_xy: FloatArray
    labelled: BoolArray
    shown: BoolArray


class PairData:
    """Pictures with their annotated persons, from which pairs of views are drawn."""

    def __init__(self, root: Path, persons: AnnotatedPersons, source: Source, section: PairTrainingSection) -> None:
        self._section = section
        self._pictures = Pictures(root, persons.locations)
        self._xy, self._labelled = np.stack([persons.x, persons.y], axis=-1), persons.labelled
        if source == "coco":
            self._xy, self._labelled = posetrack_from_coco(
                self._xy, self._labelled, head_from_trunk=section.head_from_trunk
            )
        order = np.argsort(persons.picture, kind="stable")
        self._numbers, starts = np.unique(persons.picture[order], return_index=True)
        self._of_picture = np.split(order, starts[1:])

    def __len__(self) -> int:
        """Pictures, each one sample."""
        return len(self._numbers)

    def fitted(self, size_px: int) -> Self:
        """The same pictures, each fitted as a whole into views of this side, as frames are while tracking."""
        fitted = copy.copy(self)
        fitted._section = self._section.model_copy(update={"size_px": size_px, "fit_px_range": (size_px, size_px)})
        return fitted

    def batch(self, samples: IntArray, generators: list[np.random.Generator]) -> Batch:
        """One pair of each sample, as tensors.

        first, second: (B,3,S,S) in 0..1; first_xy, second_xy: (B,P,17,2) float32 pixels, P the most persons of a pair;
        labelled, shown: (B,P,17) bool, false where a pair has fewer persons.
        """
        pairs = [self.pair(int(sample), generator) for sample, generator in zip(samples, generators, strict=True)]
        jitter = self._section.brightness
        return {
            "first": jitter_brightness(_images([pair.first for pair in pairs]), jitter, generators),
            "second": jitter_brightness(_images([pair.second for pair in pairs]), jitter, generators),
            "first_xy": _padded([pair.first_xy.astype(np.float32) for pair in pairs]),
            "second_xy": _padded([pair.second_xy.astype(np.float32) for pair in pairs]),
            "labelled": _padded([pair.labelled for pair in pairs]),
            "shown": _padded([pair.shown for pair in pairs]),
        }

    def pair(self, sample: int, generator: np.random.Generator) -> WarpedPair:
        """Draw a pair of one picture: a view of it, and a random warp of that view."""
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
            on_body = sample_mask(mask, second_xy)
            if (shown & on_body).any():
                second_view = replace_background(second_view, mask, self._other_view(sample, generator))
                shown &= on_body
        second_view = self._blurred(second_view, generator)
        if generator.random() < self._section.truncation_probability:
            left, top, right, bottom = blank_rectangle(second_view, generator)
            x, y = second_xy[..., 0], second_xy[..., 1]
            shown = shown & ~((x >= left) & (y >= top) & (x < right) & (y < bottom))
        return WarpedPair(first_view, second_view, first_xy, second_xy, labelled, shown)

    def _first_warp(self, sample: int, generator: np.random.Generator) -> tuple[Picture, Warp]:
        """Scale the picture at random; where it exceeds the view, cut around a random person."""
        size, picture, persons = self._section.size_px, self._picture(sample), self._of_picture[sample]
        extent = np.array(picture.shape[1::-1], dtype=np.float64)
        scale = log_uniform(generator, self._section.fit_px_range) / extent.max()
        person = int(generator.choice(persons))
        labelled = self._labelled[person]
        centre = self._xy[person][labelled].mean(axis=0) if labelled.any() else extent / 2
        centre = centre * scale + generator.uniform(-_CENTRE_JITTER, _CENTRE_JITTER, 2) * size
        reach = np.maximum(extent * scale - size, 0) / 2
        centre = np.clip(centre, extent * scale / 2 - reach, extent * scale / 2 + reach)
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
        """Persons with a keypoint in the first view, at most max_persons of them: keypoints (P,17,2) and labelled."""
        picture, persons = self._picture(sample), self._of_picture[sample]
        labelled = self._labelled[persons] & self._inside(first.moved(self._xy[persons]))
        top = self._xy[persons][:, HEAD_TOP]
        labelled[:, HEAD_TOP] &= ((top >= 0) & (top < picture.shape[1::-1])).all(axis=-1)
        labelled &= generator.random(labelled.shape) >= self._section.drop_keypoint_probability
        seen = generator.permutation(np.flatnonzero(labelled.any(axis=1)))[: self._section.max_persons]
        xy, labelled = self._xy[persons][seen], labelled[seen]
        if not self._section.extra_points or not labelled.any():
            return xy, labelled
        extra = self._points_around(xy[labelled], _SPREAD_PX / first.affine[0, 0], generator)
        return np.concatenate([xy, extra]), np.concatenate([labelled, self._inside(first.moved(extra))])

    def _points_around(self, keypoints: FloatArray, spread: float, generator: np.random.Generator) -> FloatArray:
        """Random points near the keypoints (K,2), as (extra_points,17,2), all in pixels of the picture."""
        shape = (self._section.extra_points, KEYPOINT_COUNT)
        return keypoints[generator.integers(len(keypoints), size=shape)] + spread * generator.normal(size=(*shape, 2))

    def _blurred(self, view: Picture, generator: np.random.Generator) -> Picture:
        return motion_blur(view, self._section.blur_px, generator) if self._section.blur_px else view

    def _inside(self, xy: FloatArray) -> BoolArray:
        return np.asarray(((xy >= 0) & (xy < self._section.size_px)).all(axis=-1))


def _images(views: list[Picture]) -> torch.Tensor:
    return image_tensor(np.stack(views))


def _padded(parts: list[npt.NDArray[np.generic]]) -> torch.Tensor:
    """Stack (P_i,17,...) arrays to (B,P,17,...), zeros or false where P_i < P; P is at least 1."""
    most = max(1, *(len(part) for part in parts))
    stacked = np.zeros((len(parts), most, KEYPOINT_COUNT, *parts[0].shape[2:]), dtype=parts[0].dtype)
    for row, part in zip(stacked, parts, strict=True):
        row[: len(part)] = part
    return torch.from_numpy(stacked)
