"""When a line of progress is due: for the log of a stage and for the plain view of a run alike."""

import time
from typing import Final

_SECONDS_BETWEEN_LINES: Final = 5.0


class LinePause:
    """Says of each advance of one stage whether it gets a line: one every few seconds, and one at each important end.

    Important are the end of all, and the end of a unit of which parts were counted, such as an epoch: that advance
    holds its metrics.
    """

    def __init__(self) -> None:
        self._has_parts = False
        self.start()

    def start(self) -> None:
        """Begin to count; the first line comes after a pause."""
        self._started = self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._started

    def is_due(self, done: float, total: float) -> bool:
        """Whether the advance to `done` of `total` gets a line; if so, the next pause begins."""
        is_part = not float(done).is_integer()
        ends_a_unit = self._has_parts and not is_part
        self._has_parts = self._has_parts or is_part
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES and not ends_a_unit and done < total:
            return False
        self._last = now
        return True
