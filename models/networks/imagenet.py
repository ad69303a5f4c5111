"""Backbones that start from BN-Inception weights for ImageNet, wherever a tensor fits (6.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.networks.backbone import ConvBlock, Stem
from models.networks.released import imagenet_name
from models.weight_files import WeightsError, read_state_dict

_MEAN_BGR = (104.0, 117.0, 128.0)
"""Mean that the ImageNet files expect subtracted from pixels 0..255 in the order blue, green, red."""

_RANGE = 255.0
_FIRST_LAYER = (
    *("conv1_7x7_s2.weight", "conv1_7x7_s2.bias"),
    *("conv1_7x7_s2_bn.running_mean", "conv1_7x7_s2_bn.running_var"),
)


@dataclass(frozen=True)
class InitialisationReport:
    """Which tensors of a network were copied from a file, and which were not."""

    copied: tuple[str, ...]
    random: tuple[str, ...]
    """Tensors of the network that keep their random weights, each with the reason."""
    unused: tuple[str, ...]
    """Tensors of the file that fit nowhere."""

    def lines(self) -> list[str]:
        """One line for each tensor, for the log."""
        kinds = (("copied", self.copied), ("random", self.random), ("not used", self.unused))
        return [f"{kind}: {name}" for kind, names in kinds for name in names]


def initialise_backbone(network: nn.Module, path: str | Path) -> InitialisationReport:
    """Start the backbones of a network from a BN-Inception file for ImageNet, wherever names and shapes agree.

    Args:
        network: a pose, Siamese, refinement or correspondence network; changed in place.
        path: a state dict with the usual names (`conv1_7x7_s2.weight`, `inception_3b_1x1.weight`, ...).

    Returns:
        The tensors of the network that were copied, the others with the reason, and those of the file not used.

    Raises:
        WeightsError: the file cannot be read safely, or nothing in it fits.
    """
    report = copy_imagenet_tensors(network, read_state_dict(Path(path)))
    if not report.copied:
        raise WeightsError(f"{path}: expected BN-Inception weights for ImageNet, found no tensor that fits the network")
    return report


def copy_imagenet_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> InitialisationReport:
    """Copy the tensors of a BN-Inception file into a network, in place, wherever name and shape agree.

    The first convolution is rewritten for our RGB in 0..1: the files were trained on BGR, 0..255, less the mean.
    """
    ours = module.state_dict()
    names = {name: imagenet_name(name) for name in ours if not name.endswith("num_batches_tracked")}
    copied, random = [], []
    for name, theirs in names.items():
        reason = _misfit(ours[name], theirs, tensors)
        if reason is None and theirs is not None:
            ours[name].copy_(tensors[theirs].reshape(ours[name].shape))
            copied.append(name)
        else:
            random.append(f"{name} ({reason})")
    used = {names[name] for name in copied}
    for part in module.modules():
        if isinstance(part, Stem) and used.issuperset(_FIRST_LAYER):
            _accept_rgb_in_unit_range(part.conv1)
    return InitialisationReport(tuple(copied), tuple(random), tuple(name for name in tensors if name not in used))


def _misfit(ours: Tensor, theirs: str | None, tensors: Mapping[str, Tensor]) -> str | None:
    if theirs is None:
        return "ImageNet networks have no deconvolution"
    if theirs not in tensors:
        return f"{theirs} is not in the file"
    # Old files keep the vectors of batch normalisation as (1,C).
    shape = tensors[theirs].shape[1:] if tensors[theirs].ndim == ours.ndim + 1 == 2 else tensors[theirs].shape
    return None if shape == ours.shape else f"expected {tuple(ours.shape)}, the file holds {tuple(shape)}"


@torch.no_grad()
def _accept_rgb_in_unit_range(block: ConvBlock) -> None:
    """Fold channel order, mean and range of the ImageNet input into the first layer, exactly but at the border.

    The range goes into the statistics, so that the weights keep the size an optimizer expects.
    """
    bias, weight = block.get_parameter("conv.bias"), block.conv.weight
    bias.sub_(torch.einsum("oihw,i->o", weight, weight.new_tensor(_MEAN_BGR))).div_(_RANGE)
    weight.copy_(weight.flip(1))
    block.get_buffer("norm.running_mean").div_(_RANGE)
    if isinstance(block.norm, nn.BatchNorm2d):
        variance = block.get_buffer("norm.running_var")
        variance.add_(block.norm.eps).div_(_RANGE**2).sub_(block.norm.eps).clamp_(min=0)
