"""What one micro-batch adds to a step, as one vector: its loss, its gradients, its running statistics."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


class Contributions:
    """Collects the vectors of micro-batches and spreads their mean over the network.

    Batch-norm statistics are those of each micro-batch alone; the running statistics after a step are the mean of what
    each micro-batch would have made of the ones before it. So a step does not depend on who computed which part.
    """

    def __init__(self, trained: nn.Module) -> None:
        self.parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
        self._statistics = [buffer for buffer in trained.buffers() if buffer.is_floating_point()]
        self._counters = [buffer for buffer in trained.buffers() if not buffer.is_floating_point()]
        self._before: list[Tensor] = []

    def begin(self) -> None:
        """Remember the running statistics before the step."""
        self._before = [buffer.clone() for buffer in self._statistics]

    def of(self, loss: Tensor) -> Tensor:
        """The vector of the micro-batch that gave `loss`; the running statistics go back to what they were."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        parts = [loss.detach().float().reshape(1), *gradients, *self._statistics]
        vector = torch.cat([part.reshape(-1) for part in parts])
        for buffer, before in zip(self._statistics, self._before, strict=True):
            buffer.copy_(before)
        return vector

    def spread(self, mean: Tensor, *, steps: int, clip: float) -> float:
        """Set gradients, clipped to the norm `clip` (0: not), and running statistics; return the loss."""
        parts = _parts(mean[1:], [*self.parameters, *self._statistics])
        gradients = mean[1 : 1 + sum(parameter.numel() for parameter in self.parameters)]
        if clip:
            gradients.mul_((clip / gradients.norm().clamp_min(1e-12)).clamp_max(1.0))
        for parameter in self.parameters:
            parameter.grad = torch.empty_like(parameter).copy_(next(parts))
        for buffer in self._statistics:
            buffer.copy_(next(parts))
        for counter in self._counters:
            counter.fill_(steps)
        return float(mean[0])


def _parts(vector: Tensor, shaped: Sequence[Tensor]) -> Iterator[Tensor]:
    sizes = [tensor.numel() for tensor in shaped]
    for tensor, part in zip(shaped, torch.split(vector, sizes), strict=True):
        yield part.view(tensor.shape)
