"""What micro-batches contribute to a step, and sums that do not depend on how many workers share them.

Sums are taken pairwise, as a balanced tree over the micro-batches in their order. The share of a worker is a subtree,
so that one worker and two add the same numbers in the same order. Adam turns even rounding noise into whole steps where
a gradient is zero in theory (a bias before a batch normalisation), hence this care.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    pass

Tensors: TypeAlias = list[Tensor]


class Contributions:
    """Collects the loss, gradients and running statistics of micro-batches, and writes their mean into the network.

    Batch-norm statistics are those of each micro-batch alone. The running statistics after a step are the mean of what
    each micro-batch makes of those before the step. So a step does not depend on who computed which part.
    """

    def __init__(self, trained: nn.Module) -> None:
        self.parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
        self._statistics = [buffer for buffer in trained.buffers() if buffer.is_floating_point()]
        self._counters = [buffer for buffer in trained.buffers() if not buffer.is_floating_point()]
        self._before: Tensors = []

    def begin(self) -> None:
        """Remember the running statistics before the step."""
        self._before = [buffer.clone() for buffer in self._statistics]

    def of(self, loss: Tensor) -> Tensors:
        """Loss, gradients and statistics of the micro-batch that gave `loss`; the running statistics are reset."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        statistics = [buffer.clone() for buffer in self._statistics]
        for buffer, before in zip(self._statistics, self._before, strict=True):
            buffer.copy_(before)
        return [loss.detach().float(), *gradients, *statistics]

    def apply(self, mean: Tensors, *, steps: int, clip: float) -> float:
        """Set gradients, clipped to the norm `clip` (0: not), and running statistics; return the loss.

        If the loss or a gradient is not finite, only gradients are set, and NaN or infinity is returned.
        """
        gradients, statistics = mean[1 : 1 + len(self.parameters)], mean[1 + len(self.parameters) :]
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = _with_strides_of(parameter, gradient)
        norm = nn.utils.clip_grad_norm_(self.parameters, clip or math.inf)
        loss = float(mean[0])
        if not (math.isfinite(loss) and bool(norm.isfinite())):
            return math.nan if math.isfinite(loss) else loss
        for buffer, after in zip(self._statistics, statistics, strict=True):
            buffer.copy_(after)
        for counter in self._counters:
            counter.fill_(steps)
        return loss


def _with_strides_of(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with the parameter's strides, which the fused optimizer assumes."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def tree_sum(terms: Iterable[Tensors]) -> Tensors:
    """Sum at least one list of tensors pairwise, element by element, keeping only log2(n) partial sums."""
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


def _added(first: Tensors, second: Tensors) -> Tensors:
    return [mine + theirs for mine, theirs in zip(first, second, strict=True)]


class Group(Protocol):
    """The workers of one training."""

    rank: int
    size: int

    def sum(self, values: Tensors) -> Tensors:
        """Sum over the workers, element by element; every worker gets the same result."""
        ...


class SingleProcess:
    """The group of a training in this process only."""

    rank = 0
    size = 1

    def sum(self, values: Tensors) -> Tensors:
        """The values themselves."""
        return values


class Distributed:
    """The processes of torch.distributed's default group, which must be initialised."""

    def __init__(self) -> None:
        self.rank = torch.distributed.get_rank()
        self.size = torch.distributed.get_world_size()

    def sum(self, values: Tensors) -> Tensors:
        """Reduce all values as one vector."""
        vector = torch.cat([value.reshape(-1) for value in values])
        torch.distributed.all_reduce(vector)
        parts = torch.split(vector, [value.numel() for value in values])
        return [part.view(value.shape) for part, value in zip(parts, values, strict=True)]


def share_of(group: Group, micro_batches: int) -> range:
    """Micro-batches of each step that this worker computes: neighbours, equally many for every worker."""
    each = micro_batches // group.size
    return range(group.rank * each, (group.rank + 1) * each)
