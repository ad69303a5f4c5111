"""How many GPUs each worker takes, and why: `compute.gpus_per_worker`, decided here."""

import ctypes
from dataclasses import dataclass
from typing import Literal

from tasks.errors import InputError

Asked = float | Literal["auto"]
"""compute.gpus_per_worker as params.yaml holds it."""


@dataclass(frozen=True)
class GpuChoice:
    """GPUs of each worker, and the reason for that number as one sentence for the log."""

    per_worker: float
    reason: str

    @property
    def device(self) -> Literal["cuda", "cpu"]:
        """What torch calls the device that a worker computes on."""
        return "cuda" if self.per_worker else "cpu"


def choose_gpus(asked: Asked, *, torch_sees: int, ray_offers: float | None = None) -> GpuChoice:
    """Decide how many GPUs each worker takes.

    `auto` takes one where torch sees any and Ray, if it runs the workers, offers it on one node; else none. A number
    is obeyed.

    Args:
        asked: compute.gpus_per_worker.
        torch_sees: GPUs that torch sees in this process.
        ray_offers: the most GPUs that one node of Ray has; None for work in this process.

    Raises:
        InputError: there are fewer GPUs than the number.
    """
    if asked == "auto":
        return _automatic(torch_sees, ray_offers)
    if ray_offers is not None and asked > ray_offers:
        raise InputError(
            f"compute.gpus_per_worker: expected at most {ray_offers:g}, the most that one node of Ray has, got "
            f"{asked:g}; set it to {ray_offers:g} or auto, or name a cluster that has more by compute.address"
        )
    if ray_offers is None and asked > torch_sees:
        raise InputError(
            f"compute.gpus_per_worker: expected at most {torch_sees}, the GPUs that torch sees here, got {asked:g}; "
            "set it to auto or 0, or install a driver"
        )
    kind = f"GPUs per worker: {asked:g}" if asked else "CPU"
    return GpuChoice(asked, f"{kind}, since compute.gpus_per_worker is {asked:g}")


def _automatic(torch_sees: int, ray_offers: float | None) -> GpuChoice:
    if not torch_sees:
        return GpuChoice(0.0, "CPU, since compute.gpus_per_worker is auto and torch sees no GPU")
    if ray_offers is not None and ray_offers < 1:
        return GpuChoice(0.0, "CPU, since compute.gpus_per_worker is auto and no node of Ray offers a GPU")
    return GpuChoice(1.0, f"one GPU per worker, since compute.gpus_per_worker is auto and torch sees {torch_sees}")


def gpus_here(asked: Asked) -> GpuChoice:
    """The choice for work in this process; loads torch unless `asked` is 0.

    Raises:
        InputError: torch sees fewer GPUs than asked for.
    """
    return choose_gpus(asked, torch_sees=visible_gpus() if asked else 0)


def gpus_on_ray(asked: Asked, *, offered: float) -> GpuChoice:
    """The choice for workers on Ray, of which one node has `offered` GPUs at most; loads torch only if it matters.

    Raises:
        InputError: no node of Ray has as many as asked for.
    """
    return choose_gpus(asked, torch_sees=visible_gpus() if asked == "auto" and offered >= 1 else 0, ray_offers=offered)


def visible_gpus() -> int:
    """GPUs that torch sees in this process; loads torch only where there is a driver through which it could see any."""
    if not _has_driver():
        return 0
    import torch  # takes seconds, and the driver of workers does without

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _has_driver() -> bool:
    """Whether the library of NVIDIA's driver, which torch opens too, can be loaded."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
