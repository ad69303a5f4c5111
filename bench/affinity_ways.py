"""Ways to compute the affinity maps S of several persons; `models.networks.correspondence` takes one convolution."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from models.networks.correspondence import (
    CorrespondenceNetwork,
    SiameseNetwork,
    correlate,
    extract_descriptors,
    normalise,
)
from models.networks.inference import autocast

PERSONS: Final = 5
KEYPOINTS: Final = 17
PERSON_CELLS: Final = 17
"""Side of the square in which the keypoints of a person lie."""
WINDOW_CELLS: Final = 8
"""Cells around them that are searched: 32 px."""


def ways_to_map(side: int) -> Mapping[str, Callable[[], Tensor]]:
    """Ways to compute the maps (5,17,side,side) of the same random features, by name; the first is the slow one.

    Those in bfloat16 differ by their rounding; `window` is zero far from the person.
    """
    network = CorrespondenceNetwork(SiameseNetwork(width=0.125), None, norm="squared", cells="released")
    source, target = torch.randn(2, 1, 32, side, side)
    corners = torch.randint(0, side - PERSON_CELLS, (PERSONS, 1, 2))
    queries = corners + torch.randint(0, PERSON_CELLS, (PERSONS, KEYPOINTS, 2))
    features = source, target, queries
    return {
        "loop": partial(_loop, *features),
        "loop_bfloat16": partial(_in_bfloat16, partial(_loop, *features)),
        "batched": partial(network.affinity_maps, *features),
        "batched_bfloat16": partial(_in_bfloat16, partial(network.affinity_maps, *features)),
        "convolution_bfloat16": partial(_convolution, *features),
        "product": partial(_product, *features, torch.float32),
        "product_bfloat16": partial(_product, *features, torch.bfloat16),
        "window": partial(_window, *features),
    }


def looped_maps(source: Tensor, target: Tensor, queries_yx: Tensor) -> Tensor:
    """The 17 maps of one person, each by its own convolution, both frames normalised anew for every person."""
    source, target = (features / features.square().sum(dim=1, keepdim=True) for features in (source, target))
    padded = F.pad(source, (1, 1, 1, 1))
    maps = []
    for row, column in queries_yx.tolist():
        descriptor = padded[:, :, row : row + 3, column : column + 3]
        affinity = F.conv2d(target, descriptor, padding=1)
        maps.append(affinity.flatten().softmax(dim=0).reshape(affinity.shape[-2:]))
    return torch.stack(maps)


def _loop(source: Tensor, target: Tensor, queries_yx: Tensor) -> Tensor:
    return torch.stack([looped_maps(source, target, person) for person in queries_yx])


def _in_bfloat16(way: Callable[[], Tensor]) -> Tensor:
    """As the stages with `precision: bfloat16` do; the network itself keeps this part in float32."""
    with autocast("bfloat16"):
        return way()


def _convolution(source: Tensor, target: Tensor, queries_yx: Tensor) -> Tensor:
    """One convolution that reads and writes bfloat16."""
    descriptors, features = _normalised(source, target, queries_yx)
    return _softmax(correlate(descriptors.bfloat16(), features.bfloat16()))


def _product(source: Tensor, target: Tensor, queries_yx: Tensor, dtype: torch.dtype) -> Tensor:
    """One matrix product of the patches of all persons and the patches around all cells."""
    descriptors, features = _normalised(source, target, queries_yx)
    product = descriptors.flatten(0, 1).flatten(1).to(dtype) @ F.unfold(features.to(dtype), 3, padding=1)[0]
    return _softmax(product.reshape(*queries_yx.shape[:2], *target.shape[-2:]))


def _window(source: Tensor, target: Tensor, queries_yx: Tensor) -> Tensor:
    """Each person is searched only in the cells around its keypoints, which alone share the softmax."""
    descriptors, features = _normalised(source, target, queries_yx)
    padded = F.pad(features, (1, 1, 1, 1))
    maps = features.new_zeros(*queries_yx.shape[:2], *target.shape[-2:])
    for person, (filters, cells) in enumerate(zip(descriptors, queries_yx, strict=True)):
        top, start = (cells.amin(dim=0) - WINDOW_CELLS).clamp_min(0).tolist()
        bottom, end = (cells.amax(dim=0) + WINDOW_CELLS + 1).clamp_max(target.shape[-1]).tolist()
        affinity = F.conv2d(padded[..., top : bottom + 2, start : end + 2], filters)
        maps[person, :, top:bottom, start:end] = _softmax(affinity[0])
    return maps


def _normalised(source: Tensor, target: Tensor, queries_yx: Tensor) -> tuple[Tensor, Tensor]:
    return normalise(extract_descriptors(source, queries_yx), "squared"), normalise(target, "squared")


def _softmax(affinities: Tensor) -> Tensor:
    return affinities.float().flatten(-2).softmax(dim=-1).reshape(affinities.shape)
