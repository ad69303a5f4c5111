"""Lanes: first weights by which the refinement passes its maps on, before it has learned anything."""

from collections.abc import Sequence
from itertools import product
from typing import cast

import torch
from torch import Tensor

from models.keypoints import BODY, EARS, KEYPOINT_COUNT
from models.networks.backbone import SKIP_BLOCK, ConvBlock, Decoder, InceptionBlock

_PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Row and column, among 2x2 cells, of what a halving convolution puts into four channels side by side."""
_SPREAD = (1.0, 1.8, 1.0)
"""What a pooled cell adds to the three cells it was pooled from, along rows and along columns.

Neighbouring pools share a cell. A peak there is in both, and gets 2; one between them gets 1.8 of the only pool it is
in. So each is ahead of its neighbours, whichever it is.
"""
_STRENGTH = 0.125
"""Of the last layer's weights: behind a batch normalisation peaks are about 10 high, so logits rise by about 5."""


@torch.no_grad()
def lay_lanes(decoder: Decoder, first: int) -> int:
    """Let an untrained decoder pass on the 17 maps among its inputs, each to its own output.

    The affinity maps are the refinement's best guess. A training that starts from them has to learn what is wrong with
    them; one that starts from random weights has to find them first. The network stays the paper's (A.1), only its
    first weights are chosen: a lane is one channel of each layer up to the skip, with a single weight that is not
    zero, and four channels behind the layer that halves the size, so that no place is lost.

    Args:
        decoder: of the refinement network; changed in place.
        first: the input channel of the first map; the others follow.

    Returns:
        How many maps have a lane, the body's before the ears': as many as there is room for, at width 0.25 16.
    """
    names = list(decoder.trunk.blocks)
    blocks = [cast(InceptionBlock, decoder.trunk.blocks[name]) for name in names[: names.index(SKIP_BLOCK) + 1]]
    slots = [int(slot) for slot in (*BODY, *EARS)][: _room(blocks)]
    lanes = [first + slot for slot in slots]
    for block in blocks:
        lanes = _pass_on(block, lanes)
    weight = decoder.output.get_parameter("weight")
    skip = [decoder.trunk.out_channels + lane for lane in lanes]
    weight[skip] = 0.0
    for lane, (slot, phase) in zip(skip, product(slots, _PHASES), strict=True):
        weight[lane, slot] = _spread(phase)
    return len(slots)


def _room(blocks: Sequence[InceptionBlock]) -> int:
    """Maps for whose lanes every block has channels."""
    room, lanes_per_map = KEYPOINT_COUNT, 1
    for block in blocks:
        branches = _branches(block)
        room = min(room, sum(map(_capacity, branches)) // lanes_per_map)
        lanes_per_map *= len(_phases(branches[0]))
    return room


def _pass_on(block: InceptionBlock, lanes: Sequence[int]) -> list[int]:
    """Lay lanes through a block, branch after branch; the channels they leave it by."""
    left: list[int] = []
    start = 0
    for branch in _branches(block):
        phases, capacity = _phases(branch), _capacity(branch)
        own, lanes = lanes[:capacity], lanes[capacity:]
        for number, source in enumerate(own):
            for layer in branch[:-1]:
                _connect(layer, number, source)
                source = number
            for place, phase in enumerate(phases):
                _connect(branch[-1], number * len(phases) + place, source, phase)
        left += range(start, start + len(own) * len(phases))
        start += branch[-1].conv.out_channels
    return left


def _branches(block: InceptionBlock) -> list[list[ConvBlock]]:
    """The layers of each branch that starts at the block's input and pools nothing, in the order of its output."""
    three = [block.three_reduce, block.three]
    double = [block.double_reduce, block.double_first, block.double_second]
    return [three, double] if block.point is None else [[block.point], three, double]


def _phases(branch: Sequence[ConvBlock]) -> tuple[tuple[int, int], ...]:
    return _PHASES if branch[-1].conv.stride[0] == 2 else _PHASES[:1]


def _capacity(branch: Sequence[ConvBlock]) -> int:
    """Lanes that fit into a branch; behind it each is as many as it has phases."""
    *inner, last = (layer.conv.out_channels for layer in branch)
    return min([*inner, last // len(_phases(branch))])


def _connect(layer: ConvBlock, channel: int, source: int, phase: tuple[int, int] = (0, 0)) -> None:
    """Let a channel read one channel alone, at its own place or one row or column beside it."""
    weight = layer.conv.weight
    centre = weight.shape[-1] // 2
    strength = weight[channel, source].abs().max()
    weight[channel] = 0.0
    weight[channel, source, centre + phase[0], centre + phase[1]] = strength


def _spread(phase: tuple[int, int]) -> Tensor:
    """The last layer's 8x8 weights for one phase: of its 4x4 cells, two rows outside, those that were pooled."""
    taps = torch.zeros(2, 8)
    for axis, place in enumerate(phase):
        taps[axis, 2 + 2 * place : 5 + 2 * place] = torch.tensor(_SPREAD)
    return _STRENGTH * torch.outer(taps[0], taps[1])
