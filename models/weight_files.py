"""Weight files: ours in safetensors, and state dicts of other projects; every file is loaded strictly, none runs code.

This module knows no network: the loader of each stands beside it in models.networks.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

Kind = Literal["pose", "siamese", "correspondence", "reid"]

Network = TypeVar("Network", bound=nn.Module)

_SHOWN_FAULTS = 5
_METADATA_KEY = "corrtrack"
"""One key for all metadata: safetensors writes several keys in no fixed order, and equal weights need equal bytes."""


class WeightsError(ValueError):
    """A weight file that cannot be used; the message names the file, what was expected, what was found, what to do."""


@dataclass(frozen=True)
class StoredWeights:
    """Contents of a weight file.

    Attributes:
        path: of the file.
        kind: which network the tensors belong to.
        architecture: arguments that build the network again.
        params: the parameters that it was trained with; empty for imported weights.
        tensors: the network's state dict.
    """

    path: Path
    kind: Kind
    architecture: dict[str, Any]
    params: dict[str, Any]
    tensors: dict[str, Tensor]


def save_weights(
    path: str | Path,
    network: nn.Module,
    *,
    kind: Kind,
    architecture: Mapping[str, Any],
    params: Mapping[str, Any],
    half_precision: bool = False,
) -> None:
    """Write a network's tensors and what is needed to build it again; equal contents give equal bytes.

    Args:
        path: the file to write or replace; it appears whole or not at all.
        network: the network whose state is kept, on any device and in any memory format.
        kind: which network it is.
        architecture: `network.architecture`.
        params: the parameters of the training, as JSON values.
        half_precision: whether real numbers are rounded to 16 bits, for half the size; a tensor with numbers beyond
            their range, such as the variance of amplified inputs, keeps its 32 bits.
    """
    target = Path(path)
    metadata = {"kind": kind, "architecture": dict(architecture), "params": dict(params)}
    state = network.state_dict()
    tensors = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    if half_precision:
        tensors = {name: _halved(tensor) for name, tensor in tensors.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        save_file(tensors, partial, metadata={_METADATA_KEY: json.dumps(metadata, sort_keys=True)})
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def load_weights(path: str | Path, kind: Kind) -> StoredWeights:
    """Read one of our weight files, as `read_weights`; raises WeightsError also for another kind of network."""
    stored = read_weights(path)
    if stored.kind != kind:
        raise WeightsError(f"{path}: expected weights of kind {kind}, found {stored.kind}")
    return stored


def read_weights(path: str | Path) -> StoredWeights:
    """Read one of our weight files, whatever network it holds; tensors in half precision become float32.

    Raises:
        WeightsError: the file is absent, damaged, or not ours.
    """
    source = Path(path)
    if not source.is_file():
        raise WeightsError(f"{source}: no such weight file; train it, or convert released weights with import-weights")
    try:
        with safe_open(source, framework="pt") as file:
            metadata = (file.metadata() or {}).get(_METADATA_KEY)
            tensors = {name: _widened(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{source}: not a readable safetensors file ({error}); write it again") from error
    if metadata is None:
        raise WeightsError(f"{source}: expected weights written by corrtrack, found no description; use import-weights")
    described = json.loads(metadata)
    return StoredWeights(source, described["kind"], described["architecture"], described["params"], tensors)


def _halved(tensor: Tensor) -> Tensor:
    halved = tensor.half() if tensor.is_floating_point() else tensor
    return halved if halved.isfinite().all() else tensor


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def fill_network(network: Network, stored: StoredWeights) -> Network:
    """Give a network, in place, the tensors of a weight file; return it in eval mode. Raises WeightsError."""
    require_same_tensors(stored.path, expected=network.state_dict(), tensors=stored.tensors)
    network.load_state_dict(stored.tensors)
    return network.eval()


def require_same_tensors(path: Path, *, expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Raise a WeightsError that counts missing, extra and misshapen tensors and names a few, if there are any."""
    missing = [f"missing: {name} {tuple(tensor.shape)}" for name, tensor in expected.items() if name not in tensors]
    extra = [f"extra: {name} {tuple(tensor.shape)}" for name, tensor in tensors.items() if name not in expected]
    misshapen = [
        f"misshapen: {name} expected {tuple(expected[name].shape)}, found {tuple(tensor.shape)}"
        for name, tensor in tensors.items()
        if name in expected and tensor.shape != expected[name].shape
    ]
    if count := len(missing) + len(extra) + len(misshapen):
        examples = [fault for faults in zip_longest(missing, extra, misshapen) for fault in faults if fault]
        such_as = "such as " if count > _SHOWN_FAULTS else ""
        raise WeightsError(
            f"{path}: {count} tensors do not fit the network ({len(missing)} missing, {len(extra)} extra, "
            f"{len(misshapen)} misshapen): {such_as}{'; '.join(examples[:_SHOWN_FAULTS])}"
        )


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint of torch.save, or a safetensors file, of any project; only tensors are accepted, no code runs.

    Raises:
        WeightsError: the file is absent, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weight file")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # bytes that are no checkpoint raise errors of any kind while they are read
        raise WeightsError(
            f"{path}: expected a checkpoint of tensors alone; this one is damaged or holds other Python objects, "
            "refused because they could run code: save its 'state_dict' alone, where you trust the file"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError(f"{path}: expected a dict of tensors, alone or under 'state_dict', found none")
    return dict(state)
