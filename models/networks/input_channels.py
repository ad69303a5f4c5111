"""The layers that read a decoder's input, by input channel."""

import torch
from torch import nn

from models.networks.backbone import ConvBlock, Decoder


def input_layers(decoder: Decoder) -> list[nn.Conv2d]:
    """The convolutions of the first inception block; the poolings before them keep the channels apart."""
    block = decoder.trunk.blocks["3a"]
    readers = (getattr(block, name) for name in ("point", "three_reduce", "double_reduce", "project"))
    return [reader.conv for reader in readers if isinstance(reader, ConvBlock)]


@torch.no_grad()
def amplify_inputs(decoder: Decoder, channels: slice, gain: float) -> None:
    """Multiply the initial weights of some input channels, so that small values are seen beside large ones.

    Affinities of a softmax over thousands of cells are near 1e-3, the features beside them near 1: without this the
    refinement spends its first thousands of steps on finding the maps at all.
    """
    for layer in input_layers(decoder):
        layer.weight[:, channels] *= gain
