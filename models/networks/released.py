"""Checkpoints that the paper's authors released: their names for our tensors, and reading them strictly.

BN-Inception files for ImageNet use the same names.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from models.weight_files import Network, WeightsError, read_state_dict, require_same_tensors

_STEM = {"conv1": "conv1_7x7_s2", "conv2_reduce": "conv2_3x3_reduce", "conv2": "conv2_3x3"}
_BRANCHES = {
    "point": "1x1",
    "three_reduce": "3x3_reduce",
    "three": "3x3",
    "double_reduce": "double_3x3_reduce",
    "double_first": "double_3x3_1",
    "double_second": "double_3x3_2",
    "project": "pool_proj",
}
_DECONVOLUTIONS = {"upsample.conv": "Conv2dT_1.conv", "upsample.norm": "Conv2dT_1.bn", "output": "Conv2dT_2.conv"}

_STEM_NAME = re.compile(r"stem\.(\w+)\.(conv|norm)\.(\w+)")
_DECODER_NAME = re.compile(r"(stages\.\d+|decoder)\.(.+)")
_BLOCK_NAME = re.compile(r"trunk\.blocks\.(\w+)\.(\w+)\.(conv|norm)\.(\w+)")


def released_name(name: str) -> str:
    """Name of one of our tensors in the released files, without the prefixes of DataParallel."""
    part, _, rest = name.partition(".")
    if part == "siamese":
        return "model.model." + released_name(rest)
    if part == "refinement":
        return "pd." + _decoder_name(rest.removeprefix("decoder."))
    if match := _STEM_NAME.fullmatch(name):
        layer, kind, tensor = match.groups()
        return _layer_name(_STEM[layer], kind, tensor)
    match = _DECODER_NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name} is no tensor of a pose or correspondence network")
    decoder, rest = match.groups()
    stage = int(decoder.partition(".")[2] or 0) + 1
    return f"pd{stage}." + _decoder_name(rest)


def imagenet_name(name: str) -> str | None:
    """Name of one of our tensors in a BN-Inception file for ImageNet; None for the deconvolutions, which it lacks."""
    released = re.sub(r"^(model\.model\.)?(pd\d?\.)?", "", released_name(name))
    return None if released.startswith("Conv2dT") else released.replace("inception_31_", "inception_3a_")


def read_released(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a released checkpoint by their bare names, without the prefixes of (nested) DataParallel.

    Raises:
        WeightsError: the file cannot be read safely, or holds a tensor both with and without prefix.
    """
    state = read_state_dict(path)
    bare = {name.removeprefix("module.").replace("model.module.", "model."): state[name] for name in state}
    if len(bare) != len(state):
        raise WeightsError(f"{path}: some tensors are there twice, with and without the prefix 'module.'")
    return bare


def fill_from_released(network: Network, path: Path, tensors: Mapping[str, Tensor]) -> Network:
    """Give a network, in place, the tensors read from the released checkpoint `path`; return it in eval mode.

    Raises:
        WeightsError: a tensor is missing, extra or misshapen.
    """
    ours = network.state_dict()
    require_same_tensors(path, expected={released_name(name): ours[name] for name in ours}, tensors=tensors)
    network.load_state_dict({name: tensors[released_name(name)] for name in ours})
    return network.eval()


def _decoder_name(name: str) -> str:
    if match := _BLOCK_NAME.fullmatch(name):
        block, branch, kind, tensor = match.groups()
        # The authors renamed 3a so that ImageNet weights skip it: its input differs in the later stages.
        return _layer_name(f"inception_{'31' if block == '3a' else block}_{_BRANCHES[branch]}", kind, tensor)
    layer, _, tensor = name.rpartition(".")
    return f"{_DECONVOLUTIONS[layer]}.{tensor}"


def _layer_name(layer: str, kind: str, tensor: str) -> str:
    return f"{layer}{'_bn' if kind == 'norm' else ''}.{tensor}"
