"""Lanes: first weights by which the refinement passes its maps on, before it has learned anything."""

from collections.abc import Sequence
from itertools import islice, product
from typing import TypeAlias, cast

import torch
from torch import Tensor

from models.keypoints import BODY
from models.networks.backbone import SKIP_BLOCK, ConvBlock, Decoder, InceptionBlock

Sources: TypeAlias = Sequence[tuple[int, float]]
"""Channels that a lane reads, each with its share."""

_LEVELS = (0.0, 0.6, 3.0)
"""Where the channels that first read a map begin to rise, in standard deviations above the map's mean."""
_SLOPES = (2.3, -1.7, -0.4)
"""Share of each of these channels in their sum, which rises steeply at first and ever more slowly above each level."""
_FLOOR = 0.3
"""Bias of the other normalisations: about what they take from a background of zeros, so that low peaks are not cut."""
_HOLD = 4.0
"""Length of a lane's weights against random ones: a normalisation undoes it, but steps of a training turn them less."""
_HUM = 0.01
"""Share that is left of a lane's random weights, for micro-batches that show its map nothing.

A channel that is constant is divided by almost nothing, in each of ten normalisations, and gradients have no bounds.
"""
_PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Row and column, among 2x2 cells, of what a halving convolution puts into four channels side by side."""
_SPREAD = (1 / 6, 1.0, 5 / 3, 1.0, 1 / 6)
"""What a pooled cell adds to the three cells it was pooled from and to one beside them, along rows and along columns.

Neighbouring pools share a cell, which gets 1 of each; a cell that is in one pool alone gets 5/3 of it and 1/6 of those
beside it. So all get 2 of a level map, and a peak stays ahead of its neighbours wherever it is, by equal margins.
"""
_STRENGTH = 0.3
"""Of the last layer's weights: with it the softmax of the logits fits warped keypoints best (measured)."""
_LOWERED = 6.0
"""Taken off the last layer's bias, so that what lanes add makes half of the peaks more likely than not."""


@torch.no_grad()
def lay_lanes(decoder: Decoder, first: int) -> int:
    """Let an untrained decoder pass on the body's maps among its inputs, each to its own output.

    The affinity maps are the refinement's best guess. A training that starts from them has to learn what is wrong with
    them; one that starts from random weights has to find them first. The network stays the paper's (A.1), only its
    first weights are chosen. What a lane carries is about the logarithm of its map: where a frame has many cells or a
    match is poor, peaks are a hundredth of the highest, and in proportion they would be lost among other channels.

    Block 3a reads each map by three channels, 3b adds them into one; from there a lane is one channel of each layer up
    to the skip, and four behind the block that halves the size, so that no place is lost. The ears have no lanes: in
    many data sets no picture labels them.

    Args:
        decoder: of the refinement network; changed in place.
        first: the input channel of the first map; the others follow.

    Returns:
        How many maps have a lane: as many as there is room for, all 15 from width 0.25 on.
    """
    names = list(decoder.trunk.blocks)
    blocks = [cast(InceptionBlock, decoder.trunk.blocks[name]) for name in names[: names.index(SKIP_BLOCK) + 1]]
    entry, *others = blocks
    slots = [int(slot) for slot in BODY][: _room(entry, others)]
    maps: list[Sources] = [[(first + slot, 1.0)] for slot in slots for _ in _LEVELS]
    channels = _pass_on(entry, maps, biases=[-level for level in _LEVELS])
    starts = range(0, len(channels), len(_LEVELS))
    lanes: list[Sources] = [list(zip(channels[start:], _SLOPES, strict=False)) for start in starts]
    for block in others:
        channels = _pass_on(block, lanes)
        lanes = [[(channel, 1.0)] for channel in channels]
    weight = decoder.output.get_parameter("weight")
    skip = [decoder.trunk.out_channels + channel for channel in channels]
    weight[skip] = 0.0
    for channel, (slot, phase) in zip(skip, product(slots, _PHASES), strict=True):
        weight[channel, slot] = _spread(phase)
    decoder.output.get_parameter("bias")[slots] -= _LOWERED
    return len(slots)


def _room(entry: InceptionBlock, others: Sequence[InceptionBlock]) -> int:
    """Maps for whose lanes every block has channels."""
    room, lanes_per_map = _width(entry, together=len(_LEVELS)) // len(_LEVELS), 1
    for block in others:
        room = min(room, _width(block) // lanes_per_map)
        lanes_per_map *= len(_phases(_branches(block)[0]))
    return room


def _pass_on(block: InceptionBlock, lanes: Sequence[Sources], *, biases: Sequence[float] = (_FLOOR,)) -> list[int]:
    """Lay lanes through a block, branch after branch; the channels they leave it by.

    They take the biases by turns; a whole turn shares a branch, so that its channels are normalised alike.
    """
    left: list[int] = []
    waiting, start = enumerate(lanes), 0
    for branch in _branches(block):
        for number, (place, sources) in enumerate(islice(waiting, _capacity(branch, together=len(biases)))):
            *inner, last = branch
            for layer in inner:
                _connect(layer, number, sources, bias=_FLOOR)
                sources = [(number, 1.0)]
            for channel, phase in enumerate(_phases(branch), number * len(_phases(branch))):
                _connect(last, channel, sources, bias=biases[place % len(biases)], phase=phase)
                left.append(start + channel)
        start += branch[-1].conv.out_channels
    return left


def _branches(block: InceptionBlock) -> list[list[ConvBlock]]:
    """The layers of each branch that starts at the block's input and pools nothing, in the order of its output."""
    three = [block.three_reduce, block.three]
    double = [block.double_reduce, block.double_first, block.double_second]
    return [three, double] if block.point is None else [[block.point], three, double]


def _phases(branch: Sequence[ConvBlock]) -> tuple[tuple[int, int], ...]:
    return _PHASES if branch[-1].conv.stride[0] == 2 else _PHASES[:1]


def _width(block: InceptionBlock, *, together: int = 1) -> int:
    return sum(_capacity(branch, together=together) for branch in _branches(block))


def _capacity(branch: Sequence[ConvBlock], *, together: int) -> int:
    """Lanes that fit into a branch, in groups of so many; behind it each is as many as it has phases."""
    *inner, last = (layer.conv.out_channels for layer in branch)
    return min([*inner, last // len(_phases(branch))]) // together * together


def _connect(layer: ConvBlock, channel: int, sources: Sources, *, bias: float, phase: tuple[int, int] = (0, 0)) -> None:
    """Let a channel read its sources all but alone, at its own place or one row or column beside it."""
    weight = layer.conv.weight
    row, column = (weight.shape[-1] // 2 + beside for beside in phase)
    strength = _HOLD * weight[channel].norm()
    weight[channel] *= _HUM
    for source, share in sources:
        weight[channel, source, row, column] = share * strength
    layer.norm.get_parameter("bias")[channel] = bias


def _spread(phase: tuple[int, int]) -> Tensor:
    """The last layer's 8x8 weights for one phase: of its 4x4 cells, two rows outside, those around what was pooled."""
    taps = torch.zeros(2, 8)
    for axis, place in enumerate(phase):
        taps[axis, 1 + 2 * place : 6 + 2 * place] = torch.tensor(_SPREAD)
    return _STRENGTH * torch.outer(taps[0], taps[1])
