"""Sums over micro-batches and workers that do not depend on how many workers share the work.

Sums are taken pairwise, as a balanced tree over the micro-batches in their order. A worker's share is a subtree, so
that one worker and two add the same numbers in the same order. Adam turns even rounding noise into whole steps where a
gradient is zero in theory (a bias in front of a batch normalisation), hence this care.
"""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor


def tree_sum(terms: Iterable[Tensor]) -> Tensor:
    """Sum at least one tensor pairwise, keeping only log2(n) partial sums."""
    partial: list[tuple[int, Tensor]] = []
    for term in terms:
        level, total = 0, term
        while partial and partial[-1][0] == level:
            total = partial.pop()[1] + total
            level += 1
        partial.append((level, total))
    total = partial.pop()[1]
    while partial:
        total = partial.pop()[1] + total
    return total


class Group(Protocol):
    """The workers of one training."""

    rank: int
    size: int

    def sum(self, values: Tensor) -> Tensor:
        """Sum over the workers, the same on each; may write to `values`."""
        ...


class Alone:
    """A training in this process only."""

    rank = 0
    size = 1

    def sum(self, values: Tensor) -> Tensor:
        """Nothing to add."""
        return values


class Joined:
    """The processes of torch.distributed's default group, which must be initialised."""

    def __init__(self) -> None:
        self.rank = torch.distributed.get_rank()
        self.size = torch.distributed.get_world_size()

    def sum(self, values: Tensor) -> Tensor:
        """Add the workers' values, in place."""
        torch.distributed.all_reduce(values)
        return values


def share_of(group: Group, micro_batches: int) -> range:
    """Micro-batches of each step that this worker takes: neighbours, equally many for every worker."""
    each = micro_batches // group.size
    return range(group.rank * each, (group.rank + 1) * each)
