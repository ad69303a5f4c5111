"""Preparing the next batches while the network works on this one; the loop and its tests read it apart."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

Result = TypeVar("Result")

_AHEAD_PER_THREAD: Final = 2


def prefetched(calls: Iterable[Callable[[], Result]], *, threads: int) -> Iterator[Result]:
    """Results of `calls` in their order, whichever thread ends first; at most two calls per thread are in advance."""
    with ThreadPoolExecutor(threads, thread_name_prefix="prefetch") as pool:
        waiting: deque[Future[Result]] = deque()
        for call in calls:
            waiting.append(pool.submit(call))
            if len(waiting) > _AHEAD_PER_THREAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
