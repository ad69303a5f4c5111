"""Batches are prepared by threads, in an order and with contents that the threads do not change."""

import threading
from functools import partial

import pytest

from tasks.training.prefetch import prefetched


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_results_come_in_the_order_of_the_calls(threads):
    later = [threading.Event() for _ in range(8)]

    def call(number: int) -> int:
        """With threads to spare, an even call ends only after the odd one behind it."""
        if number % 2 == 0 and threads > 1:
            assert later[number + 1].wait(timeout=60)
        later[number].set()
        return number

    assert list(prefetched((partial(call, number) for number in range(8)), threads=threads)) == list(range(8))


@pytest.mark.parametrize("threads", [1, 3])
def test_only_a_few_calls_run_in_advance(threads):
    started = []
    results = prefetched((partial(started.append, number) for number in range(100)), threads=threads)
    next(results)
    assert len(started) <= 2 * threads + 1
    results.close()


def test_an_error_comes_in_its_turn():
    def fail() -> int:
        raise ValueError("no such picture")

    results = prefetched([lambda: 1, fail, lambda: 3], threads=2)
    assert next(results) == 1
    with pytest.raises(ValueError, match="no such picture"):
        next(results)
