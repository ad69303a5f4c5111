"""Preparing the next batches while the network works on this one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")


def prefetched(calls: Iterable[Callable[[], Made]], *, ahead: int) -> Iterator[Made]:
    """Results of `calls` in their order, computed by one thread that is at most `ahead` calls in front."""
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        waiting: deque[Future[Made]] = deque()
        for call in calls:
            waiting.append(thread.submit(call))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
