"""What every stage that computes depends on."""

from tasks.params.section import AtLeastOne, Count, Section


class RunParams(Section):
    """What every stage that computes depends on."""

    seed: Count
    """Seed of all randomness; videos and pictures add their own id to it."""
    threads_per_worker: AtLeastOne
    """CPU threads of one process that computes; other counts may change the last bits of a result."""
