"""First weights from files: of an earlier training of this project, or a BN-Inception network for ImageNet."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from torch import nn

from models.networks.imagenet import initialise_backbone
from models.networks.pose import PoseNetwork, copy_siamese_backbone
from models.weight_files import Kind, StoredWeights, WeightsError, read_weights, require_same_tensors
from tasks.code_files import REPOSITORY
from tasks.content_key import file_digest
from tasks.errors import InputError

_LOG: Final = logging.getLogger(__name__)

Network = TypeVar("Network", bound=nn.Module)


def start_digest(path: str | None, stage: str) -> dict[str, str]:
    """Digest of the named file, for the training's key; empty when none is named. Raises InputError if it is absent."""
    return _digest(path, f"{stage}.start_weights", "start")


def start_from(
    network: Network, path: str | None, stage: str, *, parts: Mapping[Kind, str], keep_random: str | None = None
) -> Network:
    """Give a network all tensors of a weight file, in place, and log it; without a file leave it as it is.

    Args:
        network: has the architecture of the stage's params.
        path: weight file, or None.
        stage: for messages.
        parts: networks that the file may hold, each with the prefix of the tensors to take from it, such as
            "refinement."; "" takes all.
        keep_random: a tensor that keeps its random weights, whatever the file holds.

    Raises:
        InputError: the file cannot be read, or holds a network of another kind or architecture.
    """
    if path is None:
        return network
    stored = _stored(path, stage, list(parts))
    part = parts[stored.kind]
    tensors = {name.removeprefix(part): tensor for name, tensor in stored.tensors.items() if name.startswith(part)}
    if keep_random is not None:
        tensors[keep_random] = network.state_dict()[keep_random]
    try:
        require_same_tensors(stored.path, expected=network.state_dict(), tensors=tensors)
    except WeightsError as error:
        raise InputError(f"params.yaml: {stage}.start_weights: {error}") from error
    network.load_state_dict(tensors)
    _LOG.info("%s: starts from %s: all %d tensors of kind %s", stage, path, len(tensors), stored.kind)
    return network


def start_pose_from(network: PoseNetwork, path: str | None, stage: str) -> PoseNetwork:
    """Like `start_from`, but the file may also hold a Siamese network: see `copy_siamese_backbone`."""
    if path is None:
        return network
    stored = _stored(path, stage, ["pose", "siamese"])
    if stored.kind == "pose":
        return start_from(network, path, stage, parts={"pose": ""})
    if stored.architecture["width"] != network.architecture["width"]:
        raise InputError(
            f"params.yaml: {stage}.start_weights: {path}: expected a Siamese network of width "
            f"{network.architecture['width']}, found width {stored.architecture['width']}"
        )
    taken, total = copy_siamese_backbone(network, stored.tensors), len(network.state_dict())
    _LOG.info("%s: starts from the Siamese network %s: stem and trunks, %d of %d tensors", stage, path, taken, total)
    return network


def imagenet_digest(path: str | None, stage: str) -> dict[str, str]:
    """Digest of the named file, for the training's key; empty when none is named. Raises InputError if it is absent."""
    return _digest(path, f"{stage}.imagenet_weights", "imagenet")


def start_from_imagenet(network: Network, path: str | None, stage: str) -> Network:
    """Give a network every tensor of an ImageNet file that fits, in place (6.1 leaves this open), and log each tensor.

    Raises:
        InputError: the file cannot be read safely, or nothing in it fits.
    """
    if path is None:
        return network
    try:
        report = initialise_backbone(network, path)
    except WeightsError as error:
        raise InputError(f"params.yaml: {stage}.imagenet_weights: {error}") from error
    for line in report.lines():
        _LOG.info("%s: %s", stage, line)
    return network


def _digest(path: str | None, key: str, name: str) -> dict[str, str]:
    if path is None:
        return {}
    if not _located(path).is_file():
        raise InputError(f"params.yaml: {key}: expected a weight file or null, found no file at {path}")
    return {name: file_digest(_located(path))}


def _located(path: str) -> Path:
    """The file in the working folder, else in the project's: models/weights belongs to the code, not to a corpus."""
    here = Path(path)
    return here if here.is_file() else REPOSITORY / here


def _stored(path: str, stage: str, kinds: Sequence[Kind]) -> StoredWeights:
    try:
        stored = read_weights(_located(path))
    except WeightsError as error:
        raise InputError(f"params.yaml: {stage}.start_weights: {error}") from error
    if stored.kind not in kinds:
        expected = " or ".join(kinds)
        raise InputError(
            f"params.yaml: {stage}.start_weights: {path}: expected weights of kind {expected}, found {stored.kind}"
        )
    return stored
