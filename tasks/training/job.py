"""What one training consists of: the network, the samples, the loss, the validation, the final weights."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor, nn

from models.arrays import IntArray
from tasks.params.training import TrainingSection
from tasks.training.checkpoint import FinalResults

Batch: TypeAlias = dict[str, Tensor]
Metrics: TypeAlias = dict[str, float]

_NOT_IN_THE_KEY = {"workers", "checkpoint_seconds", "start_weights"}
"""Parameters that change nothing but the last bits: a training may continue with another number of workers."""


class TrainingError(RuntimeError):
    """A training that cannot go on; the message says where, why, and what to change. Checkpoints are kept."""


class TrainingJob(ABC):
    """One training. Picklable: it is sent to the workers of Ray Train, which read the pictures themselves."""

    metric: str
    """The validation metric that decides which weights are best; larger is better."""
    data_digests: Mapping[str, str]
    """Digests of the persons, pictures and weights that the job reads."""

    def __init__(self, stage: str, section: TrainingSection, *, seed: int) -> None:
        self.stage = stage
        self.section = section
        self.seed = seed

    @abstractmethod
    def samples(self, epoch: int) -> int:
        """Samples of one pass."""

    @abstractmethod
    def build(self) -> nn.Module:
        """The network before training; the caller has seeded torch."""

    def trained(self, network: nn.Module) -> nn.Module:
        """The part of the network that is trained; the rest is frozen, in eval mode."""
        return network

    @abstractmethod
    def save(self, network: nn.Module, path: Path) -> None:
        """Write the final weights."""

    @abstractmethod
    def batch(self, samples: IntArray, positions: IntArray, epoch: int) -> Batch:
        """The tensors of one micro-batch; all randomness from `generator(epoch, position)`."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Mean loss of a micro-batch, a scalar."""

    @abstractmethod
    def validate(self, network: nn.Module) -> Metrics:
        """Metrics on held-out samples, the network in eval mode; empty when nothing is held out."""

    def finalise(self, network: nn.Module) -> FinalResults:
        """Measure the trained network once, in eval mode, before it is saved; a job may also change it in place."""
        return FinalResults()

    @property
    def key_parts(self) -> dict[str, Any]:
        """Everything that decides the final weights."""
        numbers = {k: v for k, v in self.section.model_dump(mode="json").items() if k not in _NOT_IN_THE_KEY}
        return {"params": numbers, "seed": self.seed, "data": dict(self.data_digests), "format": 1}

    def generator(self, epoch: int, position: int) -> np.random.Generator:
        """Randomness of the sample at a position of an epoch, whichever worker prepares it. Epoch -1 is validation."""
        return sample_generator(self.seed, self.stage, epoch, position)

    def one_pass(self, generator: np.random.Generator, epoch: int) -> IntArray:
        """Every sample once, in random order."""
        return generator.permutation(self.samples(epoch)).astype(np.int64)

    def order(self, epoch: int) -> IntArray:
        """Samples of an epoch in their order; the first ones are repeated at the end to fill whole steps."""
        passes = range(self.section.passes_per_epoch)
        order = np.concatenate(
            [self.one_pass(_generator(self.seed, self.stage, "order", epoch, number), epoch) for number in passes]
        )
        return np.resize(order, whole_steps(self.section, len(order)) * global_batch(self.section))


def sample_generator(seed: int, stage: str, epoch: int, position: int) -> np.random.Generator:
    """See `TrainingJob.generator`."""
    return _generator(seed, stage, "augmentation", epoch, position)


def _generator(seed: int, stage: str, purpose: str, epoch: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(f"{stage}/{purpose}".encode()), epoch + 1, number])


def global_batch(section: TrainingSection) -> int:
    """Samples of one step."""
    return section.micro_batches * section.micro_batch_size


def whole_steps(section: TrainingSection, samples: int) -> int:
    """Steps that take all samples at least once."""
    return -(-samples // global_batch(section))
