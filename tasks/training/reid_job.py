"""Training of the re-identification baseline after "Bag of tricks" (Luo et al. 2019); 6.2 names no method."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import IntArray
from models.losses import identity_loss, triplet_loss
from models.networks.reid import ReidNetwork
from models.weight_files import save_weights
from tasks.params.train_reid import TrainReidParams
from tasks.training.job import Batch, Metrics, TrainingJob
from tasks.training.reid_data import ReidData
from tasks.training.start_weights import start_from


class ReidJob(TrainingJob):
    """Identity loss after the neck, triplet loss before it."""

    metric = "rank_1"

    def __init__(
        self,
        stage: str,
        section: TrainReidParams,
        *,
        seed: int,
        data: ReidData,
        held_out: ReidData,
        digests: Mapping[str, str],
    ) -> None:
        super().__init__(stage, section, seed=seed)
        self._section, self._data, self._held_out = section, data, held_out
        self.data_digests = dict(digests)

    def samples(self, epoch: int) -> int:
        """Crops."""
        return len(self._data)

    def one_pass(self, generator: np.random.Generator, epoch: int) -> IntArray:
        """Crops in micro-batches of several identities with several crops each."""
        return self._data.one_pass(generator)

    def build(self) -> ReidNetwork:
        """A network with one classifier output for each training track; the classifier always starts at random."""
        section = self._section
        network = ReidNetwork(width=section.width, embedding=section.embedding, identities=self._data.identities)
        return start_from(
            network, section.start_weights, self.stage, parts={"reid": ""}, keep_random="classifier.weight"
        )

    def batch(self, samples: IntArray, positions: IntArray, epoch: int) -> Batch:
        """Jittered crops with their identities."""
        return self._data.batch(samples, [self.generator(epoch, int(position)) for position in positions])

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Sum of both losses."""
        features, logits = network(batch["images"])
        identities = batch["identity"]
        by_identity = identity_loss(logits, identities, label_smoothing=self._section.label_smoothing)
        return by_identity + triplet_loss(features, identities, margin=self._section.triplet_margin)

    def validate(self, network: nn.Module) -> Metrics:
        """rank_1: share of held-out crops whose nearest crop of the same video and another frame is the same person.

        Tracking never compares persons of different videos, so neither does this metric.
        """
        samples = self._held_out.spread_samples(self._section.validation_samples)
        if not len(samples):
            return {}
        size, device = self._section.micro_batch_size, next(network.parameters()).device
        parts = [samples[start : start + size] for start in range(0, len(samples), size)]
        embed = cast(ReidNetwork, network).embed
        embeddings = torch.cat([embed(self._held_out.plain_batch(part).to(device)).cpu() for part in parts])
        return {"rank_1": self._held_out.rank_1(samples, embeddings.numpy())}

    def save(self, network: nn.Module, path: Path) -> None:
        """Write the weights with the parameters of their training."""
        reid = cast(ReidNetwork, network)
        params = self._section.model_dump(mode="json")
        save_weights(path, reid, kind="reid", architecture=reid.architecture, params=params)
