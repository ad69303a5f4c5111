"""Keypoint channels whose meaning changes from COCO to PoseTrack: they are drawn anew, or switched off.

Both orders have 17 keypoints. COCO's eyes are PoseTrack's head_bottom and head_top; the others keep their channels.
"""

import math
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import nn

from models.arrays import IntArray
from models.keypoints import KEYPOINT_COUNT, SHARED_KEYPOINTS
from models.networks.backbone import Decoder
from models.networks.pose import PRIOR_LOGIT, PoseNetwork

OFF_LOGIT = -20.0
"""A heatmap logit below every threshold."""

CHANGED_KEYPOINTS: IntArray = np.setdiff1d(np.arange(KEYPOINT_COUNT), SHARED_KEYPOINTS)
"""The eyes in COCO's order, head_bottom and head_top in PoseTrack's."""

CHANGED_CHANNELS: list[int] = [int(part * KEYPOINT_COUNT + index) for part in range(3) for index in CHANGED_KEYPOINTS]
"""Their heatmaps, x offsets and y offsets among the pose network's 51 channels."""


class _StageLayers(NamedTuple):
    """The layers of a stage that touch the changed channels."""

    output: nn.ConvTranspose2d
    readers: list[nn.Conv2d]
    """Convolutions of the next stage that read this stage's outputs; none after the last stage."""


def reinitialise_changed(network: PoseNetwork) -> None:
    """Draw new weights for the changed channels, in place: at every output, and where the next stage reads them."""
    read_channels = _read_channels(network)
    for output, readers in _stage_layers(network):
        drawn = torch.empty_like(output.weight[:, CHANGED_CHANNELS])
        nn.init.normal_(drawn, std=float(output.weight.detach().std()))
        _set_output(output, drawn, PRIOR_LOGIT)
        for reader in readers:
            std = math.sqrt(2 / reader.weight[0].numel())
            with torch.no_grad():
                drawn = torch.empty_like(reader.weight[:, read_channels])
                reader.weight[:, read_channels] = nn.init.normal_(drawn, std=std)


def switch_off_changed(network: PoseNetwork) -> None:
    """Set the changed channels to "no keypoint", in place, and let the next stage ignore them."""
    read_channels = _read_channels(network)
    for output, readers in _stage_layers(network):
        _set_output(output, torch.zeros_like(output.weight[:, CHANGED_CHANNELS]), OFF_LOGIT)
        for reader in readers:
            with torch.no_grad():
                reader.weight[:, read_channels] = 0.0


def _read_channels(network: PoseNetwork) -> list[int]:
    """Input channels of a later stage that hold the changed channels of the stage before."""
    return [network.stem.out_channels + channel for channel in CHANGED_CHANNELS]


def _stage_layers(network: PoseNetwork) -> list[_StageLayers]:
    decoders = [cast(Decoder, decoder) for decoder in network.stages]
    return [
        _StageLayers(
            cast(nn.ConvTranspose2d, decoder.output),
            [layer for later in decoders[number + 1 : number + 2] for layer in later.input_convolutions()],
        )
        for number, decoder in enumerate(decoders)
    ]


@torch.no_grad()
def _set_output(output: nn.ConvTranspose2d, weight: torch.Tensor, heatmap_bias: float) -> None:
    output.weight[:, CHANGED_CHANNELS] = weight
    bias = output.get_parameter("bias")
    bias[CHANGED_CHANNELS] = 0.0
    bias[CHANGED_CHANNELS[: len(CHANGED_KEYPOINTS)]] = heatmap_bias
