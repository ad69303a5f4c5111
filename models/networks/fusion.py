"""Faster networks for inference: batch normalisation folded, the last layer rearranged, memory channels-last."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.networks.backbone import ConvBlock, Decoder, UpsampleBlock

Network = TypeVar("Network", bound=nn.Module)


def fuse_for_inference(module: Network) -> Network:
    """Fold every batch normalisation of a network and rearrange its weights for speed, in place.

    Args:
        module: a network of models.networks in eval mode.

    Returns:
        The module itself, without gradients; its outputs change by rounding only. It cannot be saved as weights.

    Raises:
        ValueError: if the module is in training mode, in which its statistics are not final.
    """
    if module.training:
        raise ValueError("expected a network in eval mode, got one in training mode; call .eval() first")
    for part in list(module.modules()):
        if isinstance(part, ConvBlock | UpsampleBlock) and isinstance(part.norm, nn.BatchNorm2d):
            part.conv = fuse_conv_bn_eval(part.conv, part.norm, transpose=isinstance(part, UpsampleBlock))
            part.norm = nn.Identity()
        if isinstance(part, Decoder) and isinstance(part.output, nn.ConvTranspose2d):
            part.output = ShuffledDeconvolution(part.output)
    module.requires_grad_(False)
    return module.to(memory_format=torch.channels_last)


def with_onednn(module: Network) -> Network:
    """Have oneDNN compute the 1x1 convolutions of a network on the CPU, in place; outputs change by rounding only.

    On one thread, with fewer than 16 pictures, PyTorch leaves them to BLAS, unless they are dilated: a kernel of one
    cell does not feel that. At full width BLAS made the networks slower by a sixth to a third on an AMD processor.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1):
            part.dilation = (2, 2)
    return module


class ShuffledDeconvolution(nn.Module):
    """The decoder's last layer (transposed, kernel 8, stride 4, padding 2) as one 2x2 convolution and a pixel shuffle.

    Before its padding is cut off, output row 4 m + r (r in 0..3) takes input row m with tap r and row m - 1 with
    tap r + 4: for all 16 phases of a cell the same 2x2 input cells, so one dense convolution emits them all.
    """

    def __init__(self, deconvolution: nn.ConvTranspose2d) -> None:
        super().__init__()
        self.stride, self.cut = deconvolution.stride[0], int(deconvolution.padding[0])
        in_channels, out_channels = deconvolution.in_channels, deconvolution.out_channels
        taps = deconvolution.weight.detach().reshape(in_channels, out_channels, 2, self.stride, 2, self.stride)
        phases = taps.flip(2, 4).permute(1, 3, 5, 0, 2, 4).reshape(-1, in_channels, 2, 2)
        self.conv = nn.Conv2d(in_channels, len(phases), kernel_size=2, padding=1)
        self.conv.weight = nn.Parameter(phases)
        bias = torch.zeros(out_channels) if deconvolution.bias is None else deconvolution.bias.detach()
        self.conv.bias = nn.Parameter(bias.repeat_interleave(self.stride**2))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (B,in,H,W) to (B,out,4H,4W), as the transposed convolution does."""
        shuffled = nn.functional.pixel_shuffle(self.conv(inputs), self.stride)
        return shuffled[:, :, self.cut : -self.cut, self.cut : -self.cut]
