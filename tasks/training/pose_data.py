"""Person crops with their keypoints, as the pose network is trained on them (6.1)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.arrays import BoolArray, FloatArray, IntArray, Picture
from models.keypoints import flip_order
from models.poses.crops import apply, crop_affine, crop_picture, image_tensor
from models.warps.affines import chain, log_uniform, similarity_about
from models.warps.appearance import jitter_brightness
from tasks.params.pose_training import PoseTrainingSection
from tasks.training.job import Batch
from tasks.training.persons import AnnotatedPersons
from tasks.training.pictures import Pictures


class PoseData:
    """Crops of persons; `names` are the keypoints of their source, by which left and right swap in a mirrored crop."""

    def __init__(
        self, root: Path, persons: AnnotatedPersons, names: tuple[str, ...], section: PoseTrainingSection
    ) -> None:
        self._section = section
        self._pictures = Pictures(root, persons.locations)
        self.persons = persons
        self._mirrored_order = flip_order(names)
        self._width, self._height = section.crop_width_px, section.crop_height_px

    def __len__(self) -> int:
        """Number of persons; each is one sample."""
        return len(self.persons)

    def batch(self, samples: IntArray, generators: Sequence[np.random.Generator]) -> Batch:
        """Randomly turned, zoomed, shifted and mirrored crops.

        images: (B,3,H,W) in 0..1; xy: (B,17,2) float32 px of the crop; labelled: (B,17) bool.
        """
        crops, points, labels = zip(
            *(self._jittered(int(sample), generator) for sample, generator in zip(samples, generators, strict=True)),
            strict=True,
        )
        images = jitter_brightness(image_tensor(np.stack(crops)), self._section.brightness, generators)
        return {"images": images, "xy": _tensor(points), "labelled": torch.from_numpy(np.stack(labels))}

    def plain_batch(self, samples: IntArray) -> tuple[Batch, FloatArray]:
        """The same without any randomness, as at inference; also the affines (B,2,3) from picture to crop."""
        affines = self._affines(samples)
        crops = [self._crop(int(sample), affine) for sample, affine in zip(samples, affines, strict=True)]
        x, y = apply(affines, self.persons.x[samples], self.persons.y[samples])
        labelled = torch.from_numpy(self.persons.labelled[samples])
        return {
            "images": image_tensor(np.stack(crops)),
            "xy": _tensor(np.stack([x, y], axis=-1)),
            "labelled": labelled,
        }, affines

    def _affines(self, samples: IntArray) -> FloatArray:
        boxes = self.persons.box_xywh[samples]
        return crop_affine(boxes, crop_width=self._width, crop_height=self._height)

    def _crop(self, sample: int, affine: FloatArray) -> Picture:
        picture = self._pictures[int(self.persons.picture[sample])]
        return crop_picture(picture, affine, crop_width=self._width, crop_height=self._height)

    def _jittered(self, sample: int, generator: np.random.Generator) -> tuple[Picture, FloatArray, BoolArray]:
        mirror = generator.random() < self._section.flip_probability
        affine = chain(self._jitter(generator, mirror=mirror), self._affines(np.array([sample]))[0])
        x, y = apply(affine, self.persons.x[sample], self.persons.y[sample])
        xy, labelled = np.stack([x, y], axis=-1), self.persons.labelled[sample]
        if mirror:
            xy, labelled = xy[self._mirrored_order], labelled[self._mirrored_order]
        return self._crop(sample, affine), xy, labelled

    def _jitter(self, generator: np.random.Generator, *, mirror: bool) -> FloatArray:
        section, size = self._section, np.array([self._width, self._height])
        shift = generator.uniform(-section.shift_share, section.shift_share, 2) * size
        return similarity_about(
            ((self._width - 1) / 2, (self._height - 1) / 2),
            degrees=generator.uniform(-section.rotation_degrees, section.rotation_degrees),
            scale=log_uniform(generator, section.scale_range),
            shift_xy=(float(shift[0]), float(shift[1])),
            mirror_width=self._width if mirror else 0,
        )


def _tensor(points: Sequence[FloatArray] | FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(points, dtype=np.float32))
