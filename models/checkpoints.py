"""Weight files: ours in safetensors, and those the authors released; every file is loaded strictly, none runs code."""

import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.fusion import fuse_for_inference as fuse_for_inference
from models.networks.initialisation import InitialisationReport, take_imagenet_tensors
from models.networks.pose import PoseNetwork
from models.networks.reid import ReidNetwork
from models.networks.released_names import bare_names, released_name

if TYPE_CHECKING:
    from models.networks.detector import PersonDetector

Kind = Literal["pose", "siamese", "correspondence", "reid"]

Network = TypeVar("Network", bound=nn.Module)

_METADATA_KEY = "corrtrack"
"""One key for all metadata: safetensors writes several keys in no fixed order, and we want the same bytes."""


class WeightsError(ValueError):
    """A weight file that cannot be used; the message tells the file, what was expected, what was found, what to do."""


@dataclass(frozen=True)
class StoredWeights:
    """What a weight file holds: tensors by name, what network they belong to, and the params they were trained with."""

    path: Path
    kind: Kind
    architecture: dict[str, Any]
    params: dict[str, Any]
    tensors: dict[str, Tensor]


def save_weights(
    path: Path, module: nn.Module, *, kind: Kind, architecture: Mapping[str, Any], params: Mapping[str, Any]
) -> None:
    """Write a module's tensors with what is needed to build it again; equal contents give equal bytes.

    Args:
        path: the file to write or replace; it appears whole or not at all.
        module: the network whose state is kept, on any device and in any memory format.
        kind: which network it is.
        architecture: `module.architecture`.
        params: the parameters of the training, as JSON values.
    """
    metadata = {"kind": kind, "architecture": dict(architecture), "params": dict(params)}
    state = module.state_dict()
    tensors = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file(tensors, partial, metadata={_METADATA_KEY: json.dumps(metadata, sort_keys=True)})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_weights(path: Path, kind: Kind) -> StoredWeights:
    """Read one of our weight files.

    Raises:
        WeightsError: if the file is absent, damaged, not ours, or holds another kind of network.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weight file; train it, or bring released weights with import-weights")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = (file.metadata() or {}).get(_METADATA_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error}); write it again") from error
    if metadata is None:
        raise WeightsError(f"{path}: expected weights written by corrtrack, found no description; use import-weights")
    described = json.loads(metadata)
    if described["kind"] != kind:
        raise WeightsError(f"{path}: expected weights of kind {kind}, found {described['kind']}")
    return StoredWeights(path, kind, described["architecture"], described["params"], tensors)


def load_pose(path: Path) -> PoseNetwork:
    """Build the pose network of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "pose")
    return _filled(PoseNetwork(**stored.architecture), stored)


def load_siamese(path: Path) -> SiameseNetwork:
    """Build the Siamese network of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "siamese")
    return _filled(SiameseNetwork(**stored.architecture), stored)


def load_correspondence(path: Path) -> CorrespondenceNetwork:
    """Build the correspondence network (Siamese and refinement) of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "correspondence")
    parts = dict(stored.architecture)
    siamese = SiameseNetwork(**parts.pop("siamese"))
    refinement = RefinementNetwork(**parts.pop("refinement"))
    return _filled(CorrespondenceNetwork(siamese, refinement, **parts), stored)


def load_reid(path: Path) -> ReidNetwork:
    """Build the re-identification network of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "reid")
    return _filled(ReidNetwork(**stored.architecture), stored)


def _filled(module: Network, stored: StoredWeights) -> Network:
    require_same_tensors(stored.path, expected=module.state_dict(), found=stored.tensors)
    module.load_state_dict(stored.tensors)
    return module.eval()


def require_same_tensors(path: Path, *, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise a WeightsError that names every missing, extra and misshapen tensor, if there is any."""
    faults = [f"missing: {name} {tuple(tensor.shape)}" for name, tensor in expected.items() if name not in found]
    faults += [f"extra: {name} {tuple(tensor.shape)}" for name, tensor in found.items() if name not in expected]
    faults += [
        f"misshapen: {name} expected {tuple(expected[name].shape)}, found {tuple(tensor.shape)}"
        for name, tensor in found.items()
        if name in expected and tensor.shape != expected[name].shape
    ]
    if faults:
        raise WeightsError(f"{path}: {len(faults)} tensors do not fit the network:\n  " + "\n  ".join(faults))


def load_released_pose(path: Path) -> PoseNetwork:
    """Build a pose network from a checkpoint of the authors, with as many stages as it holds, in eval mode.

    The result maps (B,3,H,W) to a list of stage outputs (B,51,H/4,W/4).

    Raises:
        WeightsError: if the file cannot be read safely, or lacks, adds or misshapes any tensor.
    """
    tensors = _read_released(path)
    stages = sum(any(name.startswith(f"pd{stage}.") for name in tensors) for stage in (1, 2, 3))
    return _filled_from_released(PoseNetwork(stages=max(stages, 1)), path, tensors)


def load_released_correspondence(path: Path) -> CorrespondenceNetwork:
    """Build the correspondence network from a checkpoint of the authors: squared norm, released cells, eval mode.

    Raises:
        WeightsError: if the file cannot be read safely, or lacks, adds or misshapes any tensor.
    """
    network = CorrespondenceNetwork(SiameseNetwork(), RefinementNetwork(), norm="squared", cells="released")
    return _filled_from_released(network, path, _read_released(path))


def load_detector(path: Path) -> "PersonDetector":
    """Build the person detector from a file of torchvision's fasterrcnn_resnet50_fpn weights, in eval mode.

    Raises:
        WeightsError: if the file cannot be read safely, or lacks, adds or misshapes any tensor.
    """
    from models.networks.detector import PersonDetector  # loads torchvision, which takes longer than torch itself

    detector, tensors = PersonDetector(), _read_state_dict(path)
    require_same_tensors(path, expected=detector.network.state_dict(), found=tensors)
    detector.network.load_state_dict(tensors)
    return detector.eval()


def initialise_backbone(module: nn.Module, path: Path) -> InitialisationReport:
    """Start the backbones of a network from a BN-Inception file for ImageNet, wherever names and shapes agree.

    Args:
        module: a pose, Siamese, refinement or correspondence network; changed in place.
        path: a state dict with the usual names (`conv1_7x7_s2.weight`, `inception_3b_1x1.weight`, ...).

    Returns:
        Every tensor of the network that was taken, every one that was left and why, and those of the file not used.

    Raises:
        WeightsError: if the file cannot be read safely, or nothing in it fits.
    """
    report = take_imagenet_tensors(module, _read_state_dict(path))
    if not report.taken:
        raise WeightsError(f"{path}: expected BN-Inception weights for ImageNet, found no tensor that fits the network")
    return report


def _filled_from_released(module: Network, path: Path, tensors: Mapping[str, Tensor]) -> Network:
    ours = module.state_dict()
    require_same_tensors(path, expected={released_name(name): ours[name] for name in ours}, found=tensors)
    module.load_state_dict({name: tensors[released_name(name)] for name in ours})
    return module.eval()


def _read_released(path: Path) -> dict[str, Tensor]:
    state = _read_state_dict(path)
    bare = bare_names(state)
    if len(bare) != len(state):
        raise WeightsError(f"{path}: some tensors are there twice, with and without the prefix 'module.'")
    return bare


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint of torch.save, or a safetensors file; only tensors are accepted, no code is run."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such weight file")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: expected a checkpoint of tensors alone; this one is damaged or holds other Python objects, "
            "refused because they could run code: save its 'state_dict' alone, where you trust the file"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError(f"{path}: expected a dict of tensors, alone or under 'state_dict', found none")
    return dict(state)
