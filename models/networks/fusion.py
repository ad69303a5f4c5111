"""Networks made fast for inference: batch normalisation folded into the convolutions, memory channels-last."""

from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.networks.backbone import ConvBlock, UpsampleBlock

Network = TypeVar("Network", bound=nn.Module)


def fuse_for_inference(module: Network) -> Network:
    """Fold every batch normalisation of a network, in place, and lay its weights out channels-last.

    Args:
        module: a network of models.networks in eval mode.

    Returns:
        The module itself, without gradients; its outputs change by rounding only.

    Raises:
        ValueError: if the module is in training mode, in which its statistics are not final.
    """
    if module.training:
        raise ValueError("expected a network in eval mode, got one in training mode; call .eval() first")
    for block in module.modules():
        if isinstance(block, ConvBlock | UpsampleBlock) and isinstance(block.norm, nn.modules.batchnorm._BatchNorm):
            block.conv = fuse_conv_bn_eval(block.conv, block.norm, transpose=isinstance(block, UpsampleBlock))
            block.norm = nn.Identity()
    module.requires_grad_(requires_grad=False)
    return module.to(memory_format=torch.channels_last)
