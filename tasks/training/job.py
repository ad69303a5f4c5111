"""What a training stage tells the loop: the network, the samples, the loss, the validation."""

import zlib
from abc import ABC, abstractmethod
from typing import TypeAlias

import numpy as np
from torch import Tensor, nn

from models.arrays import IntArray
from tasks.params.training import TrainingSection

Batch: TypeAlias = dict[str, Tensor]
Figures: TypeAlias = dict[str, float]


class Job(ABC):
    """One training. Picklable: it travels to the workers of Ray Train; pictures are read where they are needed."""

    metric: str
    """The validation figure that tells the best weights, larger is better."""

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
    def batch(self, samples: IntArray, places: IntArray, epoch: int) -> Batch:
        """The tensors of one micro-batch; all randomness from `generator(epoch, place)`."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Mean loss of a micro-batch, a scalar."""

    @abstractmethod
    def validate(self, network: nn.Module) -> Figures:
        """Figures on held-out samples, the network in eval mode; empty when nothing is held out."""

    def generator(self, epoch: int, place: int) -> np.random.Generator:
        """Randomness of the sample at a place of an epoch, whoever prepares it. Epoch -1 is validation."""
        return sample_generator(self.seed, self.stage, epoch, place)

    def one_pass(self, generator: np.random.Generator, epoch: int) -> IntArray:
        """Every sample once, in random order."""
        return generator.permutation(self.samples(epoch)).astype(np.int64)

    def order(self, epoch: int) -> IntArray:
        """Samples of an epoch in their order, as many as fill whole steps (the first ones come again at the end)."""
        passes = range(self.section.passes_per_epoch)
        order = np.concatenate(
            [self.one_pass(_generator(self.seed, self.stage, "order", epoch, number), epoch) for number in passes]
        )
        return np.resize(order, whole_steps(self.section, len(order)) * global_batch(self.section))


def sample_generator(seed: int, stage: str, epoch: int, place: int) -> np.random.Generator:
    """See `Job.generator`."""
    return _generator(seed, stage, "augmentation", epoch, place)


def _generator(seed: int, stage: str, purpose: str, epoch: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(f"{stage}/{purpose}".encode()), epoch + 1, number])


def global_batch(section: TrainingSection) -> int:
    """Samples of one step."""
    return section.micro_batches * section.micro_batch_size


def whole_steps(section: TrainingSection, samples: int) -> int:
    """Steps that take all samples at least once."""
    return -(-samples // global_batch(section))
