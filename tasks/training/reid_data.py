"""Person crops by identity for the re-identification baseline: identities x crops batches, random erasing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.arrays import BoolArray, Float32Array, FloatArray, IntArray, Picture
from models.poses.crops import image_tensor, stretched_crop
from models.warps.appearance import erase_rectangle
from tasks.params.train_reid import TrainReidParams
from tasks.training.job import Batch
from tasks.training.persons import AnnotatedPersons
from tasks.training.pictures import Pictures


class ReidData:
    """Box crops, each with its identity, numbered from 0 without gaps."""

    def __init__(self, root: Path, persons: AnnotatedPersons, section: TrainReidParams) -> None:
        self._section = section
        self._pictures = Pictures(root, persons.locations)
        self.persons = persons
        names, self.identity = np.unique(persons.identity, return_inverse=True)
        self.identity = self.identity.astype(np.int64)
        self.identities = len(names)

    def __len__(self) -> int:
        """Crops."""
        return len(self.persons)

    def one_pass(self, generator: np.random.Generator) -> IntArray:
        """One pass over the crops in groups: identities_per_batch identities with equally many crops each.

        Identities are drawn without replacement until all are taken, then again. So are the crops of each identity.
        """
        per_batch = self._section.identities_per_batch
        crops = self._section.micro_batch_size // per_batch
        groups = max(1, len(self) // (per_batch * crops))
        identities = np.concatenate(
            [generator.permutation(self.identities) for _ in range(-(-groups * per_batch // self.identities))]
        )[: groups * per_batch]
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
        return {"images": image_tensor(np.stack(crops)), "identity": torch.from_numpy(self.identity[samples])}

    def plain_batch(self, samples: IntArray) -> torch.Tensor:
        """Images (B,3,H,W) in 0..1 of whole boxes, as they are compared in tracking."""
        return image_tensor(np.stack([self._crop(int(sample), np.zeros(2)) for sample in samples]))

    def spread_samples(self, count: int) -> IntArray:
        """At most `count` crops, evenly spread over the persons table."""
        return np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64))

    def rank_1(self, samples: IntArray, embeddings: Float32Array) -> float:
        """Share of `samples` whose nearest one (cosine) of the same video and another frame is the same identity.

        Samples without such a candidate of their own identity are not counted; NaN if that leaves none.
        """
        compared, same = self._compared_pairs(samples)
        nearest = np.where(compared, embeddings @ embeddings.T, -np.inf).argmax(axis=1)
        counted = (compared & same).any(axis=1)
        return float(same[np.arange(len(samples)), nearest][counted].mean()) if counted.any() else float("nan")

    def rank_1_by_chance(self, samples: IntArray) -> float:
        """Chance level: the mean of `rank_1` when the nearest one is a random candidate; NaN likewise."""
        compared, same = self._compared_pairs(samples)
        counted = (compared & same).any(axis=1)
        shares = (compared & same)[counted].sum(axis=1) / compared[counted].sum(axis=1)
        return float(shares.mean()) if counted.any() else float("nan")

    def _compared_pairs(self, samples: IntArray) -> tuple[BoolArray, BoolArray]:
        """Of each pair of samples (N,N): whether they are compared, and whether they are the same identity."""
        frames = np.array([self.persons.image_id[sample].rpartition("/") for sample in samples], dtype=object)
        compared = (frames[:, None, 0] == frames[None, :, 0]) & (frames[:, None, 2] != frames[None, :, 2])
        return compared, self.identity[samples][:, None] == self.identity[samples][None, :]

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
        if draw.random() < self._section.erasing_probability:
            erase_rectangle(crop, draw)
        return crop
