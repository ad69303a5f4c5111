"""Draws the pictures and videos of a corpus: one after the other, or each core one of its own where there are many."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import cv2

from tasks.determinism import usable_cores

DrawAll: TypeAlias = Callable[[Callable[[int], Any], range], Iterator[Any]]
"""Like `map`: what a function gives for each number, in order; the function must be picklable."""
WORTH_PROCESSES: Final = 200
"""Pictures and frames; with fewer the processes take longer to start than they spare."""

_MOST: Final = 8
"""Processes; each loads its libraries anew, and memory with them."""


@contextmanager
def drawing(pictures: int, *, worth_processes: int = WORTH_PROCESSES) -> Iterator[DrawAll]:
    """A way to draw so many pictures and frames; the bytes are the same whichever it is."""
    cores = usable_cores()
    if cores == 1 or pictures < worth_processes:
        yield map
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(cores, _MOST), mp_context=spawn, initializer=_begin)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Be a process that draws: on one thread, and not for longer than the process that asked for it lives."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that asked ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
    os._exit(1)
