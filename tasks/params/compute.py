"""Where the work runs: the section that changes no result."""

from typing import Literal

from tasks.params.section import AtLeastOne, NotNegative, Positive, Section


class ComputeParams(Section):
    """Where the work runs; changes no result, so no stage depends on it."""

    executor: Literal["local", "ray"]
    ray_from_frames: NotNegative
    """Shards of fewer frames in all are worked on in the stage's own process, sooner than Ray starts."""
    workers: AtLeastOne
    """Ray actors, or processes of a training."""
    address: str | None
    """An existing Ray cluster; null starts one on loopback."""
    shared_disk: bool
    """Whether all nodes of the cluster see the driver's disk; false: they get by network what they read and write."""
    node_cache: str | None
    """Folder for that on each node's own disk; null: one in the node's folder for temporary files."""
    node_cache_max_gib: Positive | None
    """Beyond it the least recently used files in it that no worker uses are deleted; null: it may grow."""
    gpus_per_worker: NotNegative | Literal["auto"]
    """GPUs of each actor, and of each process of a training; auto takes one where there are any."""
    store: str | None
    """Folder of the shard store, which several checkouts may share; null: one in the working state."""
    store_max_gib: Positive | None
    """Beyond it the least recently used shards are deleted after a stage; null: it may grow."""
    stages_at_once: AtLeastOne
    """Stages that may run side by side where neither reads from the other."""
    hang_seconds: Positive | None
    """The least time limit of a shard on Ray, after which its worker is killed; null: no limit."""
    hang_factor: Positive
    """A shard may take this many times what the slowest shard so far took for as many frames."""
    memory_gib_per_worker: Positive | None
    """Memory that a worker on Ray may take; null: no limit but the machine's."""
    checkpoint_frames: AtLeastOne
    """Frames between two checkpoints within a long video."""
