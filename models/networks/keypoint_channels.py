"""From COCO's 17 slots to PoseTrack's: the channels whose meaning changes (slots 1 and 2) start afresh, or are off."""

import math
from typing import cast

import numpy as np
import torch
from torch import nn

from models.arrays import IntArray
from models.keypoints import KEYPOINT_COUNT, SHARED_SLOTS
from models.networks.backbone import Decoder
from models.networks.input_channels import input_layers
from models.networks.pose import PRIOR_LOGIT, PoseNetwork

OFF_LOGIT = -20.0
"""A heatmap logit that no threshold passes."""

CHANGED_SLOTS: IntArray = np.setdiff1d(np.arange(KEYPOINT_COUNT), SHARED_SLOTS)
"""The eyes in COCO's order, head_bottom and head_top in PoseTrack's."""

CHANGED_CHANNELS: list[int] = [int(part * KEYPOINT_COUNT + slot) for part in range(3) for slot in CHANGED_SLOTS]
"""Their heatmaps, x offsets and y offsets."""


def reinitialise_changed(network: PoseNetwork) -> None:
    """Draw new weights for the changed channels: outputs of every stage, and the inputs of the next that see them."""
    for output, seeing in _touching(network):
        fresh = torch.empty_like(output.weight[:, CHANGED_CHANNELS])
        nn.init.normal_(fresh, std=float(output.weight.detach().std()))
        _set_output(output, fresh, PRIOR_LOGIT)
        for convolution, inputs in seeing:
            bound = math.sqrt(2 / convolution.weight[0].numel())
            with torch.no_grad():
                convolution.weight[:, inputs] = nn.init.normal_(
                    torch.empty_like(convolution.weight[:, inputs]), std=bound
                )


def switch_off_changed(network: PoseNetwork) -> None:
    """Make the changed channels say that there is nothing, and the next stage not look at them."""
    for output, seeing in _touching(network):
        _set_output(output, torch.zeros_like(output.weight[:, CHANGED_CHANNELS]), OFF_LOGIT)
        for convolution, inputs in seeing:
            with torch.no_grad():
                convolution.weight[:, inputs] = 0.0


def _touching(
    network: PoseNetwork,
) -> list[tuple[nn.ConvTranspose2d, list[tuple[nn.Conv2d, list[int]]]]]:
    """For each stage its output layer, and the layers of the next stage whose inputs (listed) are those channels."""
    seen = [network.stem.out_channels + channel for channel in CHANGED_CHANNELS]
    decoders = [decoder for decoder in network.stages if isinstance(decoder, Decoder)]
    touching: list[tuple[nn.ConvTranspose2d, list[tuple[nn.Conv2d, list[int]]]]] = []
    for number, decoder in enumerate(decoders):
        following = decoders[number + 1 : number + 2]
        readers = [layer for later in following for layer in input_layers(later)]
        touching.append((cast(nn.ConvTranspose2d, decoder.output), [(layer, seen) for layer in readers]))
    return touching


@torch.no_grad()
def _set_output(output: nn.ConvTranspose2d, weight: torch.Tensor, heatmap_bias: float) -> None:
    output.weight[:, CHANGED_CHANNELS] = weight
    bias = output.get_parameter("bias")
    bias[CHANGED_CHANNELS] = 0.0
    bias[CHANGED_CHANNELS[: len(CHANGED_SLOTS)]] = heatmap_bias
