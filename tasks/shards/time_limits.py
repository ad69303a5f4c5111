"""How long a shard may take before its worker counts as hung: by the speed of the shards that ended."""

from dataclasses import dataclass, field
from typing import Final

_UNMEASURED_SECONDS_PER_FRAME: Final = 60.0
"""Until a shard has ended: more than any network of this project takes for a crowded frame on one core."""


@dataclass
class TimeLimits:
    """The limit of each shard, `factor` times what the slowest shard so far took for as many frames.

    Attributes:
        least_seconds: no limit is shorter; None sets no limit at all.
        factor: how much slower than the slowest a shard may be.
    """

    least_seconds: float | None
    factor: float
    _slowest: float = field(default=0.0, init=False)

    def ended(self, frames: int, seconds: float) -> None:
        """Learn from a shard that ended."""
        self._slowest = max(self._slowest, seconds / max(frames, 1))

    def seconds(self, frames: int) -> float | None:
        """Limit of a shard of so many frames."""
        if self.least_seconds is None:
            return None
        per_frame = self.factor * self._slowest if self._slowest else _UNMEASURED_SECONDS_PER_FRAME
        return max(self.least_seconds, per_frame * max(frames, 1))
