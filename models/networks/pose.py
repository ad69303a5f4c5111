"""The pose network: two or three stages that each emit heatmaps and offset maps (6.1, A.1, Figure 7)."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from models.keypoints import KEYPOINT_COUNT
from models.networks.backbone import Decoder, Stem
from models.networks.released import fill_from_released, read_released
from models.weight_files import fill_network, load_weights

POSE_CHANNELS = 3 * KEYPOINT_COUNT
"""17 heatmap logits, 17 x offsets, 17 y offsets, in this order."""

PRIOR_LOGIT = -5.0
"""Initial bias of the heatmap logits: about the share of cells that a keypoint covers."""


class PoseNetwork(nn.Module):
    """Stages that each see the stem's features; every stage but the first also sees the raw maps of the one before."""

    def __init__(self, *, width: float = 1.0, stages: int = 2, channels: int = POSE_CHANNELS) -> None:
        super().__init__()
        if stages < 1:
            raise ValueError(f"stages must be >= 1, got {stages}")
        self.architecture = {"width": width, "stages": stages, "channels": channels}
        self.stem = Stem(width=width)
        self.stages = nn.ModuleList(
            Decoder(self.stem.out_channels + (channels if stage else 0), channels, width=width, output_gain=0.1)
            for stage in range(stages)
        )
        prior = torch.zeros(channels)
        prior[: channels // 3] = PRIOR_LOGIT
        for decoder in self.stages:
            decoder.get_parameter("output.bias").data.copy_(prior)

    def forward(self, images: Tensor, *, last_stage: int | None = None) -> list[Tensor]:
        """Map crops to the raw maps of every stage.

        Args:
            images: (B,3,H,W), RGB in 0..1, H and W multiples of 32 (the paper: 384 x 288).
            last_stage: 0-based stage to stop after; later ones are not computed. None means all.

        Returns:
            One tensor (B,channels,H/4,W/4) per stage: heatmap logits, x offsets, y offsets (in input pixels).

        Raises:
            ValueError: for sizes that are no multiple of 32.
        """
        stem = self.stem(images)
        outputs: list[Tensor] = []
        for decoder in self.stages if last_stage is None else self.stages[: last_stage + 1]:
            features = torch.cat([stem, outputs[-1]], dim=1) if outputs else stem
            outputs.append(decoder(features))
        return outputs


def copy_siamese_backbone(network: PoseNetwork, siamese: Mapping[str, Tensor]) -> int:
    """Copy the stem of a Siamese network of the same width, and its trunk into every stage, in place.

    The weights of a later stage that read the maps of the stage before keep their values: a Siamese network has none.

    Args:
        network: changed in place.
        siamese: state dict of the Siamese network.

    Returns:
        Number of tensors of `network` that were copied.
    """
    targets = {f"stem.{name}": [tensor] for name, tensor in network.stem.state_dict().items()}
    decoders = [cast(Decoder, decoder) for decoder in network.stages]
    for decoder in decoders:
        for name, tensor in decoder.trunk.state_dict().items():
            targets.setdefault(f"decoder.trunk.{name}", []).append(tensor)
    readers = {layer.weight.data_ptr() for decoder in decoders for layer in decoder.input_convolutions()}
    for name, tensors in targets.items():
        source = siamese[name]
        for tensor in tensors:
            # The features of the stem are the first input channels; the maps of the stage before follow.
            (tensor[:, : source.shape[1]] if tensor.data_ptr() in readers else tensor).copy_(source)
    return sum(map(len, targets.values()))


def load_pose(path: str | Path) -> PoseNetwork:
    """Build the pose network of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "pose")
    return fill_network(PoseNetwork(**stored.architecture), stored)


def load_released_pose(path: str | Path) -> PoseNetwork:
    """Build the pose network of a checkpoint that the authors released, in eval mode, with as many stages as it holds.

    Raises:
        WeightsError: the file cannot be read safely, or a tensor is missing, extra or misshapen.
    """
    tensors = read_released(Path(path))
    stages = sum(any(name.startswith(f"pd{stage}.") for name in tensors) for stage in (1, 2, 3))
    return fill_from_released(PoseNetwork(stages=max(stages, 1)), Path(path), tensors)
