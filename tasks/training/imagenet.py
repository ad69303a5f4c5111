"""Backbones that start from a BN-Inception ImageNet file of the user's (section 6.1 leaves this open)."""

import logging
from pathlib import Path
from typing import Final, TypeVar

from torch import nn

from models.networks.imagenet import initialise_backbone
from models.weight_files import WeightsError
from tasks.content_key import file_digest
from tasks.errors import InputError

_LOG: Final = logging.getLogger(__name__)

Network = TypeVar("Network", bound=nn.Module)


def imagenet_digest(path: str | None, stage: str) -> dict[str, str]:
    """Digest of the named file, for the training's key; empty when none is named. Raises InputError if it is absent."""
    if path is None:
        return {}
    if not Path(path).is_file():
        raise InputError(f"params.yaml: {stage}.imagenet_weights: expected a file or null, found no file at {path}")
    return {"imagenet": file_digest(Path(path))}


def started_from(network: Network, path: str | None, stage: str) -> Network:
    """The network with every tensor of the file that fits; each tensor taken or left is logged.

    Raises:
        InputError: the file cannot be read safely, or nothing in it fits.
    """
    if path is None:
        return network
    try:
        report = initialise_backbone(network, Path(path))
    except WeightsError as error:
        raise InputError(f"params.yaml: {stage}.imagenet_weights: {error}") from error
    for line in report.lines():
        _LOG.info("%s: %s", stage, line)
    return network
