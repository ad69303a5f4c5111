"""What is mapped: a shard of the corpus, and the work that a stage does on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from tasks.tables import Table


@dataclass(frozen=True, order=True)
class Shard:
    """One video, or a range of its frames; holds names and paths only, so that it travels cheaply."""

    video_id: str
    first_frame: int
    last_frame: int
    """Exclusive."""
    inputs: tuple[tuple[str, Path], ...] = field(default=(), compare=False)
    """Name and file of each input table; its rows of this shard are part of the shard's key."""


ShardRows: TypeAlias = pa.Table | Iterable[pa.Table]
"""Rows of a table, at once or in blocks whose keys rise, which need not be in memory together."""


class ShardWork(Protocol):
    """A stage's work on one shard. Pickled to the workers, so it holds paths and params, and loads networks lazily.

    The result must depend on `key_parts`, the shard and the named input tables alone.

    An attribute `late_modules`, a tuple of names, names the modules that the work imports inside its functions, so that
    the driver of workers need not load torch; a worker imports them before it seeds the libraries.

    Nodes that do not share the driver's disk (`compute.shared_disk: false`) take works that are a `NetworkWork`.

    A method `joined(table, rows)` makes the rows of a video out of those of its shards, one after the other. Works
    without it need no more than that; rows of a single shard stay as they are.
    """

    @property
    def stage(self) -> str:
        """Stage that does it."""

    @property
    def outputs(self) -> tuple[Table, ...]:
        """Tables that every shard gives rows of."""

    def key_parts(self) -> Mapping[str, str | bytes]:
        """What the result depends on beside code and shard: params of the stage and `run`, weights."""

    def __call__(self, shard: Shard) -> Mapping[str, ShardRows]:
        """Rows of the shard by table name."""


@dataclass(frozen=True)
class Outcome:
    """How the work on one shard ended."""

    shard: Shard
    failure: str | None = None
    """Why the video is rejected; None: the shard lies in the store."""
    traceback: str = ""
    bad_input: bool = False
    """The failure is of no single video: wrong weights, wrong params."""
    machine_fault: bool = False
    """Disk, memory or a permission failed, not the video."""
    machine_wide: bool = False
    """The fault would have hit any other video as well."""
    died: bool = False
    """The worker was killed, so another one may do it."""
    node_lost: bool = False
    """It died with its whole node."""
    files: Mapping[str, bytes] | None = None
    """Of the entry to store, by name, where the worker does not see the store."""


@dataclass(frozen=True)
class Entry:
    """A finished shard in the store."""

    files: dict[str, Path]
    """File of each table by its name."""
    digests: dict[str, str]
    """SHA-256 of each file."""
    reports: dict[str, Any]
    """Notices and rejects that the work gave."""
