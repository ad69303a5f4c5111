"""Trainings that start from the weights of an earlier one; strict about the kind and the architecture of the file."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from torch import nn

from models.networks.backbone import Decoder
from models.networks.pose import PoseNetwork
from models.weight_files import Kind, StoredWeights, WeightsError, read_weights, require_same_tensors
from tasks.content_key import file_digest
from tasks.errors import InputError

_LOG: Final = logging.getLogger(__name__)

Network = TypeVar("Network", bound=nn.Module)


def start_digest(path: str | None, stage: str) -> dict[str, str]:
    """Digest of the named file, for the training's key; empty when none is named. Raises InputError if it is absent."""
    if path is None:
        return {}
    if not Path(path).is_file():
        raise InputError(f"params.yaml: {stage}.start_weights: expected a weight file or null, found no file at {path}")
    return {"start": file_digest(Path(path))}


def start_from(
    network: Network, path: str | None, stage: str, *, kind: Kind, part: str = "", anew: str | None = None
) -> Network:
    """The network with all tensors of the file, or as it is when none is named; what was taken is logged.

    Args:
        network: has the architecture of the stage's params; changed in place.
        path: weight file, or None.
        stage: for messages.
        kind: which network the file must hold.
        part: prefix of the file's tensors to take, such as "refinement."; all by default.
        anew: a tensor that keeps its random start, whatever the file holds.

    Raises:
        InputError: the file cannot be read, or holds a network of another kind or architecture.
    """
    if path is None:
        return network
    stored = _stored(path, stage, [kind])
    tensors = {name.removeprefix(part): tensor for name, tensor in stored.tensors.items() if name.startswith(part)}
    if anew is not None:
        tensors[anew] = network.state_dict()[anew]
    try:
        require_same_tensors(stored.path, expected=network.state_dict(), found=tensors)
    except WeightsError as error:
        raise InputError(f"params.yaml: {stage}.start_weights: {error}") from error
    network.load_state_dict(tensors)
    _LOG.info("%s: starts from %s: all %d tensors of kind %s", stage, path, len(tensors), kind)
    return network


def start_pose_from(network: PoseNetwork, path: str | None, stage: str) -> PoseNetwork:
    """As `start_from`; a Siamese network's file gives its stem, and its trunk to each stage, and leaves the rest.

    The inputs of a trunk that read the maps of the stage before, which a Siamese network has not, stay random.
    """
    if path is None:
        return network
    stored = _stored(path, stage, ["pose", "siamese"])
    if stored.kind == "pose":
        return start_from(network, path, stage, kind="pose")
    taken = _take_backbone(network, stored)
    if not taken:
        raise InputError(
            f"params.yaml: {stage}.start_weights: {path}: expected a Siamese network of width "
            f"{network.architecture['width']}, found width {stored.architecture['width']}"
        )
    total = len(network.state_dict())
    _LOG.info("%s: starts from the Siamese network %s: stem and trunks, %d of %d tensors", stage, path, taken, total)
    return network


def _take_backbone(network: PoseNetwork, stored: StoredWeights) -> int:
    """Copy stem and trunks; returns the number of tensors taken, 0 if the widths differ."""
    if stored.architecture["width"] != network.architecture["width"]:
        return 0
    wanted = {f"stem.{name}": [tensor] for name, tensor in network.stem.state_dict().items()}
    decoders = [decoder for decoder in network.stages if isinstance(decoder, Decoder)]
    for decoder in decoders:
        for name, tensor in decoder.trunk.state_dict().items():
            wanted.setdefault(f"decoder.trunk.{name}", []).append(tensor)
    readers = {layer.weight.data_ptr() for decoder in decoders for layer in decoder.input_convolutions()}
    taken = 0
    for name, ours in wanted.items():
        theirs = stored.tensors[name]
        for tensor in ours:
            # The features of the stem come first; what follows are maps of the stage before.
            (tensor[:, : theirs.shape[1]] if tensor.data_ptr() in readers else tensor).copy_(theirs)
            taken += 1
    return taken


def _stored(path: str, stage: str, kinds: Sequence[Kind]) -> StoredWeights:
    try:
        stored = read_weights(Path(path))
    except WeightsError as error:
        raise InputError(f"params.yaml: {stage}.start_weights: {error}") from error
    if stored.kind not in kinds:
        wanted = " or ".join(kinds)
        raise InputError(
            f"params.yaml: {stage}.start_weights: {path}: expected weights of kind {wanted}, found {stored.kind}"
        )
    return stored
