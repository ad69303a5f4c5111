"""Networks at work: where they run and in which precision, with nothing that training needs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from models.networks.fusion import fuse_for_inference
from models.weight_files import Kind, WeightsError, load_weights
from tasks.errors import InputError

Network = TypeVar("Network", bound=nn.Module)
Precision = Literal["float32", "bfloat16", "float16"]


def prepare(network: Network) -> Network:
    """Fold, lay out channels-last and move `network` to the GPU that this process was given, else the CPU."""
    return fuse_for_inference(network.eval()).to(device())


def device() -> torch.device:
    """The GPU that this process may use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(precision: Precision) -> AbstractContextManager[None]:
    """Run convolutions in `precision`; float32 changes nothing."""
    dtype: torch.dtype = getattr(torch, precision)
    return torch.autocast(device().type, dtype=dtype, enabled=precision != "float32")


def loaded(load: Callable[[Path], Network], path: Path) -> Network:
    """The network that `load` reads from a weight file.

    Raises:
        InputError: it holds no such network.
    """
    try:
        return load(path)
    except WeightsError as error:
        raise InputError(str(error)) from error


def trained_params(path: Path, kind: Kind) -> dict[str, Any]:
    """The parameters that a network of ours was trained with; imported weights may have none.

    Raises:
        InputError: the file is not there or holds no such network.
    """
    try:
        return load_weights(path, kind).params
    except WeightsError as error:
        raise InputError(str(error)) from error
