"""What one micro-batch adds to a step: its loss, its gradients, its running statistics."""

import math

import torch
from torch import Tensor, nn


class Contributions:
    """Collects the tensors of micro-batches and brings their mean into the network.

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

    def of(self, loss: Tensor) -> list[Tensor]:
        """The tensors of the micro-batch that gave `loss`; the running statistics go back to what they were."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        statistics = [buffer.clone() for buffer in self._statistics]
        for buffer, before in zip(self._statistics, self._before, strict=True):
            buffer.copy_(before)
        return [loss.detach().float(), *gradients, *statistics]

    def bring_in(self, mean: list[Tensor], *, steps: int, clip: float) -> float:
        """Set gradients, clipped to the norm `clip` (0: not), and running statistics; return the loss.

        Nothing but gradients is touched when the loss or a gradient is not finite: NaN or infinity is returned.
        """
        gradients, statistics = mean[1 : 1 + len(self.parameters)], mean[1 + len(self.parameters) :]
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = _laid_out_as(parameter, gradient)
        norm = nn.utils.clip_grad_norm_(self.parameters, clip or math.inf)
        loss = float(mean[0])
        if not (math.isfinite(loss) and bool(norm.isfinite())):
            return math.nan if math.isfinite(loss) else loss
        for buffer, after in zip(self._statistics, statistics, strict=True):
            buffer.copy_(after)
        for counter in self._counters:
            counter.fill_(steps)
        return loss


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with the parameter's strides, which the fused optimizer takes for granted."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
