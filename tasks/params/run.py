"""Sections that belong to no stage."""

from typing import Literal

from pydantic import Field

from tasks.params.section import Section


class RunParams(Section):
    """What every stage that computes depends on."""

    seed: int = Field(ge=0)
    """Seed of all randomness; videos and pictures add their own id to it."""
    threads_per_worker: int = Field(ge=1)
    """CPU threads of one process that computes; other counts may change the last bits of a result."""


class ComputeParams(Section):
    """Where the work runs; changes no result, so no stage depends on it."""

    executor: Literal["local", "ray"]
    workers: int = Field(ge=1)
    """Ray actors, or processes of a training."""
    address: str | None
    """An existing Ray cluster; null starts one on loopback."""
    gpus_per_worker: float = Field(ge=0)
    stages_at_once: int = Field(ge=1)
    """Stages that may run side by side where neither reads from the other."""
