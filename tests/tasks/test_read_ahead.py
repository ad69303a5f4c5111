"""Reading ahead keeps the order, the limit and the error."""

import threading

import pytest

from tasks.read_ahead import read_ahead


def test_items_come_in_order_and_no_more_than_the_limit_are_taken_in_advance():
    taken = []

    def source():
        for item in range(20):
            taken.append(item)
            yield item

    seen = []
    for item in read_ahead(source(), count=3):
        seen.append(item)
        assert len(taken) <= item + 1 + 3
    assert seen == list(range(20))


def test_the_next_item_is_taken_while_the_present_one_is_worked_on():
    second = threading.Event()

    def source():
        yield 1
        second.set()
        yield 2

    items = read_ahead(source(), count=1)
    assert next(items) == 1
    assert second.wait(timeout=30)
    assert list(items) == [2]


def test_what_taking_an_item_raises_comes_in_its_turn():
    def source():
        yield 1
        raise ValueError("frame 2")

    items = read_ahead(source())
    assert next(items) == 1
    with pytest.raises(ValueError, match="frame 2"):
        next(items)


def test_an_end_before_time_leaves_no_thread():
    before = threading.active_count()
    items = read_ahead(range(100))
    next(items)
    items.close()
    assert threading.active_count() == before
