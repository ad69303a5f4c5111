"""Person crops by identity for the re-identification baseline: identities x crops batches, random erasing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.arrays import BoolArray, Float32Array, FloatArray, IntArray, Picture
from models.poses.crops import stretched_crop
from tasks.params.train_reid import TrainReidParams
from tasks.training.job import Batch
from tasks.training.persons import Persons
from tasks.training.pictures import Pictures, images_of

_ERASED_AREA = (0.02, 0.33)
_ERASED_ASPECT = (0.3, 3.3)


class ReidData:
    """Box crops, each with its identity, numbered from 0 without gaps."""

    def __init__(self, root: Path, persons: Persons, section: TrainReidParams) -> None:
        self._section = section
        self._pictures = Pictures(root, persons.places)
        self.persons = persons
        names, self.identity = np.unique(persons.identity, return_inverse=True)
        self.identity = self.identity.astype(np.int64)
        self.identities = len(names)

    def __len__(self) -> int:
        """Crops."""
        return len(self.persons)

    def one_pass(self, generator: np.random.Generator) -> IntArray:
        """One pass over the crops in groups: identities_per_batch identities with equally many crops each.

        Identities are drawn without return until all were taken; crops of one identity likewise, and again from the
        start where it has too few.
        """
        chosen = self._section.identities_per_batch
        crops = self._section.micro_batch_size // chosen
        groups = max(1, len(self) // (chosen * crops))
        identities = np.concatenate(
            [generator.permutation(self.identities) for _ in range(-(-groups * chosen // self.identities))]
        )[: groups * chosen]
        stock = {int(name): generator.permutation(np.flatnonzero(self.identity == name)) for name in set(identities)}
        taken = dict.fromkeys(stock, 0)
        order = []
        for name in identities.tolist():
            order.append(np.take(stock[name], np.arange(taken[name], taken[name] + crops), mode="wrap"))
            taken[name] += crops
        return np.concatenate(order).astype(np.int64)

    def batch(self, samples: IntArray, generators: Sequence[np.random.Generator]) -> Batch:
        """images: (B,3,H,W) in 0..1, shifted, mirrored, partly erased; identity: (B) int64."""
        crops = [self._jittered(int(sample), draw) for sample, draw in zip(samples, generators, strict=True)]
        return {"images": images_of(crops), "identity": torch.from_numpy(self.identity[samples])}

    def plain_batch(self, samples: IntArray) -> torch.Tensor:
        """Images (B,3,H,W) of whole boxes, as they are compared in tracking."""
        return images_of([self._crop(int(sample), np.zeros(2)) for sample in samples])

    def comparable(self, wanted: int) -> IntArray:
        """At most `wanted` crops, evenly spread over the persons table."""
        return np.unique(np.linspace(0, len(self) - 1, min(wanted, len(self))).astype(np.int64))

    def rank_1(self, samples: IntArray, embeddings: Float32Array) -> float:
        """Share of `samples` whose nearest one (cosine) of the same video and another frame is the same identity.

        Samples without such a candidate of their own identity are not counted; NaN if that leaves none.
        """
        rivals, same = self._rivals(samples)
        nearest = np.where(rivals, embeddings @ embeddings.T, -np.inf).argmax(axis=1)
        counted = (rivals & same).any(axis=1)
        return float(same[np.arange(len(samples)), nearest][counted].mean()) if counted.any() else float("nan")

    def rank_1_by_chance(self, samples: IntArray) -> float:
        """What `rank_1` is on average when the nearest one is any candidate; NaN likewise."""
        rivals, same = self._rivals(samples)
        counted = (rivals & same).any(axis=1)
        shares = (rivals & same)[counted].sum(axis=1) / rivals[counted].sum(axis=1)
        return float(shares.mean()) if counted.any() else float("nan")

    def _rivals(self, samples: IntArray) -> tuple[BoolArray, BoolArray]:
        """Of each pair of samples (N,N): whether they are compared, and whether they are the same identity."""
        frames = np.array([self.persons.image_id[sample].rpartition("/") for sample in samples], dtype=object)
        rivals = (frames[:, None, 0] == frames[None, :, 0]) & (frames[:, None, 2] != frames[None, :, 2])
        return rivals, self.identity[samples][:, None] == self.identity[samples][None, :]

    def _crop(self, sample: int, shift: FloatArray) -> Picture:
        picture = self._pictures[int(self.persons.picture[sample])]
        box_xywh = np.array(self.persons.box_xywh[sample], dtype=np.float64)
        box_xywh[:2] += shift * box_xywh[2:]
        size = {"crop_width": self._section.crop_width_px, "crop_height": self._section.crop_height_px}
        return stretched_crop(picture, box_xywh, **size)

    def _jittered(self, sample: int, draw: np.random.Generator) -> Picture:
        crop = self._crop(sample, draw.uniform(-self._section.shift_share, self._section.shift_share, 2))
        if draw.random() < self._section.flip_probability:
            crop = np.ascontiguousarray(crop[:, ::-1])
        return _erased(crop, draw) if draw.random() < self._section.erasing_probability else crop


def _erased(crop: Picture, draw: np.random.Generator) -> Picture:
    """Replace a random rectangle by noise (random erasing), so that no single part decides the identity."""
    rows, columns = crop.shape[:2]
    area = draw.uniform(*_ERASED_AREA) * rows * columns
    aspect = np.exp(draw.uniform(*np.log(_ERASED_ASPECT)))
    height, width = min(rows, round(np.sqrt(area * aspect))), min(columns, round(np.sqrt(area / aspect)))
    top, left = draw.integers(0, rows - height + 1), draw.integers(0, columns - width + 1)
    crop[top : top + height, left : left + width] = draw.integers(0, 256, (height, width, 3))
    return crop
