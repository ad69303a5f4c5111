"""Weight files: ours in safetensors, and those the authors released; every file is loaded strictly, none runs code."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.pose import PoseNetwork

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
    if described["kind"] != kind or kind not in get_args(Kind):
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
