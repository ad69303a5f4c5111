"""Networks in inference: on which device and in which precision they run, without what only training needs."""

from contextlib import AbstractContextManager
from typing import Literal, TypeVar

import torch
from torch import nn

from models.gpu_use import may_use_gpu
from models.networks.fusion import fuse_for_inference, with_onednn

Network = TypeVar("Network", bound=nn.Module)
Precision = Literal["float32", "bfloat16", "float16"]


def prepare(network: Network) -> Network:
    """Fuse a network for inference, in place, and move it to `device()`."""
    fused = fuse_for_inference(network.eval()).to(device())
    return with_onednn(fused) if device().type == "cpu" else fused


def device() -> torch.device:
    """Return the GPU that this process may use, else the CPU."""
    return torch.device("cuda" if may_use_gpu() and torch.cuda.is_available() else "cpu")


def autocast(precision: Precision) -> AbstractContextManager[None]:
    """Run convolutions in `precision` inside the with block; float32 changes nothing."""
    dtype: torch.dtype = getattr(torch, precision)
    return torch.autocast(device().type, dtype=dtype, enabled=precision != "float32")
