"""Sums over micro-batches and workers that do not depend on how many workers share the work.

Sums are taken pairwise, as a balanced tree over the micro-batches in their order. A worker's share is a subtree, so
that one worker and two add the same numbers in the same order. Adam turns even rounding noise into whole steps where a
gradient is zero in theory (a bias in front of a batch normalisation), hence this care.
"""

from collections.abc import Iterable
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

Tensors: TypeAlias = list[Tensor]


def tree_sum(terms: Iterable[Tensors]) -> Tensors:
    """Sum at least one list of tensors pairwise, position by position, keeping only log2(n) partial sums."""
    partial: list[tuple[int, Tensors]] = []
    for term in terms:
        level, total = 0, term
        while partial and partial[-1][0] == level:
            total = _added(partial.pop()[1], total)
            level += 1
        partial.append((level, total))
    total = partial.pop()[1]
    while partial:
        total = _added(partial.pop()[1], total)
    return total


def _added(left: Tensors, right: Tensors) -> Tensors:
    return [one + other for one, other in zip(left, right, strict=True)]


class Group(Protocol):
    """The workers of one training."""

    rank: int
    size: int

    def sum(self, values: Tensors) -> Tensors:
        """Sum over the workers, position by position, the same on each."""
        ...


class Alone:
    """A training in this process only."""

    rank = 0
    size = 1

    def sum(self, values: Tensors) -> Tensors:
        """Nothing to add."""
        return values


class Joined:
    """The processes of torch.distributed's default group, which must be initialised."""

    def __init__(self) -> None:
        self.rank = torch.distributed.get_rank()
        self.size = torch.distributed.get_world_size()

    def sum(self, values: Tensors) -> Tensors:
        """Send all values as one vector."""
        vector = torch.cat([value.reshape(-1) for value in values])
        torch.distributed.all_reduce(vector)
        parts = torch.split(vector, [value.numel() for value in values])
        return [part.view(value.shape) for part, value in zip(parts, values, strict=True)]


def share_of(group: Group, micro_batches: int) -> range:
    """Micro-batches of each step that this worker takes: neighbours, equally many for every worker."""
    each = micro_batches // group.size
    return range(group.rank * each, (group.rank + 1) * each)
