"""First weights of the refinement network: amplified map inputs, and pass-through initialisation.

The network stays the paper's (A.1); only its first weights are chosen. The affinity maps are the refinement's best
guess. A training that starts from weights which pass them through has to learn what is wrong with them; a training from
random weights has to find them first.
"""

from collections.abc import Sequence
from itertools import islice, product
from typing import TypeAlias, cast

import torch
from torch import Tensor

from models.keypoints import BODY
from models.networks.backbone import SKIP_BLOCK, ConvBlock, Decoder, InceptionBlock

Inputs: TypeAlias = Sequence[tuple[int, float]]
"""Channels that a pass-through channel reads, each with its share."""

_LEVELS = (0.0, 0.6, 3.0)
"""Levels above which the channels that first read a map respond, in standard deviations above the map's mean."""
_SLOPES = (2.3, -1.7, -0.4)
"""Shares of these channels in their sum, which rises steeply at first and less above each level, like a logarithm."""
_BIAS_OFFSET = 0.3
"""Bias of the other normalisations: about what they subtract for a background of zeros, so that low peaks survive."""
_WEIGHT_GAIN = 4.0
"""Length of pass-through weights relative to random ones: normalisation cancels it, but training turns them less."""
_RESIDUAL_NOISE = 0.01
"""Share of the random weights that a pass-through channel keeps, for micro-batches whose map is empty.

Each of ten normalisations divides a constant channel by almost zero, so its gradients would have no bounds.
"""
_PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Row and column, inside 2x2 cells, that a halving convolution moves into four neighbouring channels."""
_UPSAMPLING = (1 / 6, 1.0, 5 / 3, 1.0, 1 / 6)
"""Weights of a pooled cell along rows and columns, on the three cells it was pooled from and one on either side.

Neighbouring pools share a cell, which receives 1 from each; a cell of one pool alone receives 5/3 from it and 1/6 from
each neighbour. The sum is 2 for every cell of a constant map, and a peak exceeds its neighbours by the same margin
wherever it lies.
"""
_OUTPUT_GAIN = 0.3
"""Scale of the last layer's weights: with it the softmax of the logits fits warped keypoints best (measured)."""
_OUTPUT_BIAS_OFFSET = 6.0
"""Subtracted from the last layer's bias, so that about half of the passed-through peaks have a probability over 0.5."""


@torch.no_grad()
def amplify_inputs(decoder: Decoder, channels: slice, gain: float) -> None:
    """Multiply the initial weights of some input channels of a decoder, in place.

    Affinities of a softmax over thousands of cells are near 1e-3, the features beside them near 1. Without a gain the
    refinement spends its first thousands of steps on finding the maps.
    """
    for layer in decoder.input_convolutions():
        layer.weight[:, channels] *= gain


@torch.no_grad()
def initialise_pass_through(decoder: Decoder, first_map: int) -> int:
    """Let an untrained decoder pass each affinity map of the body through to the output of its keypoint.

    What passes is about the logarithm of a map: in large frames and for poor matches peaks are a hundredth of the
    highest, and in proportion they would be lost among the other channels.

    Block 3a reads each map by three channels and 3b adds them to one. From there each map takes one channel of each
    layer up to the skip connection, and four after the block that halves the size, so that no cell is lost. The maps of
    the ears are left out: many data sets label no ears.

    Args:
        decoder: of the refinement network; changed in place.
        first_map: input channel of the first of the 17 maps.

    Returns:
        How many maps pass through: as many as the channels allow, all 15 of the body from width 0.25 on.
    """
    names = list(decoder.trunk.blocks)
    blocks = [cast(InceptionBlock, decoder.trunk.blocks[name]) for name in names[: names.index(SKIP_BLOCK) + 1]]
    entry, *others = blocks
    keypoints = [int(keypoint) for keypoint in BODY][: _map_capacity(entry, others)]
    maps: list[Inputs] = [[(first_map + keypoint, 1.0)] for keypoint in keypoints for _ in _LEVELS]
    channels = _route(entry, maps, biases=[-level for level in _LEVELS])
    starts = range(0, len(channels), len(_LEVELS))
    inputs: list[Inputs] = [list(zip(channels[start:], _SLOPES, strict=False)) for start in starts]
    for block in others:
        channels = _route(block, inputs)
        inputs = [[(channel, 1.0)] for channel in channels]
    weight = decoder.output.get_parameter("weight")
    skip = [decoder.trunk.out_channels + channel for channel in channels]
    weight[skip] = 0.0
    for channel, (keypoint, phase) in zip(skip, product(keypoints, _PHASES), strict=True):
        weight[channel, keypoint] = _upsampling(phase)
    decoder.output.get_parameter("bias")[keypoints] -= _OUTPUT_BIAS_OFFSET
    return len(keypoints)


def _map_capacity(entry: InceptionBlock, others: Sequence[InceptionBlock]) -> int:
    """Maps for which every block has enough channels."""
    capacity, channels_per_map = _block_capacity(entry, together=len(_LEVELS)) // len(_LEVELS), 1
    for block in others:
        capacity = min(capacity, _block_capacity(block) // channels_per_map)
        channels_per_map *= len(_phases(_branches(block)[0]))
    return capacity


def _route(block: InceptionBlock, inputs: Sequence[Inputs], *, biases: Sequence[float] = (_BIAS_OFFSET,)) -> list[int]:
    """Lead each of the inputs through a block, branch after branch; return the output channels they leave it by.

    The inputs take the biases in turn. A whole turn shares a branch, so that its channels are normalised alike.
    """
    outputs: list[int] = []
    remaining, start = enumerate(inputs), 0
    for branch in _branches(block):
        for number, (index, sources) in enumerate(islice(remaining, _branch_capacity(branch, together=len(biases)))):
            *inner, last = branch
            for layer in inner:
                _connect(layer, number, sources, bias=_BIAS_OFFSET)
                sources = [(number, 1.0)]
            for channel, phase in enumerate(_phases(branch), number * len(_phases(branch))):
                _connect(last, channel, sources, bias=biases[index % len(biases)], phase=phase)
                outputs.append(start + channel)
        start += branch[-1].conv.out_channels
    return outputs


def _branches(block: InceptionBlock) -> list[list[ConvBlock]]:
    """The layers of each branch without pooling, in the order of the block's output."""
    three = [block.three_reduce, block.three]
    double = [block.double_reduce, block.double_first, block.double_second]
    return [three, double] if block.point is None else [[block.point], three, double]


def _phases(branch: Sequence[ConvBlock]) -> tuple[tuple[int, int], ...]:
    return _PHASES if branch[-1].conv.stride[0] == 2 else _PHASES[:1]


def _block_capacity(block: InceptionBlock, *, together: int = 1) -> int:
    return sum(_branch_capacity(branch, together=together) for branch in _branches(block))


def _branch_capacity(branch: Sequence[ConvBlock], *, together: int) -> int:
    """Inputs that fit into a branch, in groups of `together`; each leaves it by one channel per phase."""
    *inner, last = (layer.conv.out_channels for layer in branch)
    return min([*inner, last // len(_phases(branch))]) // together * together


def _connect(layer: ConvBlock, channel: int, inputs: Inputs, *, bias: float, phase: tuple[int, int] = (0, 0)) -> None:
    """Let an output channel read almost only its inputs, at its own cell or one row or column further."""
    weight = layer.conv.weight
    row, column = (weight.shape[-1] // 2 + offset for offset in phase)
    length = _WEIGHT_GAIN * weight[channel].norm()
    weight[channel] *= _RESIDUAL_NOISE
    for source, share in inputs:
        weight[channel, source, row, column] = share * length
    layer.norm.get_parameter("bias")[channel] = bias


def _upsampling(phase: tuple[int, int]) -> Tensor:
    """Weights (8,8) of the last layer for one phase: of its 4x4 cells with a margin of 2, those it was pooled from."""
    taps = torch.zeros(2, 8)
    for axis, offset in enumerate(phase):
        taps[axis, 1 + 2 * offset : 6 + 2 * offset] = torch.tensor(_UPSAMPLING)
    return _OUTPUT_GAIN * torch.outer(taps[0], taps[1])
