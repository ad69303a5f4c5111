"""Reading ahead: a thread takes the next items while the present one is worked on."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

Item = TypeVar("Item")

_AHEAD: Final = 4
"""Items in memory besides the present one; the thread waits for the consumer then."""
_END: Final = object()


def read_ahead(items: Iterable[Item], *, count: int = _AHEAD) -> Iterator[Item]:
    """The items in their order; results do not depend on how far ahead they were taken.

    What taking an item raises is raised where the item would have come.

    Args:
        items: what to take; one thread takes all of them, so that a decoder need not be safe for several.
        count: how many are taken in advance at most.
    """
    source: Iterator[Any] = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        waiting: deque[Future[Any]] = deque(thread.submit(next, source, _END) for _ in range(count))
        try:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(thread.submit(next, source, _END))
                yield item
        finally:
            for future in waiting:
                future.cancel()
