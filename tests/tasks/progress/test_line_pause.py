"""Which advances of a stage get a line."""

import pytest

from tasks.progress.line_pause import LinePause


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tasks.progress.line_pause.time.monotonic", lambda: now[0])
    return now


def test_a_line_comes_every_five_seconds_and_at_the_end(clock):
    pause, due = LinePause(), []
    for done in range(1, 13):
        clock[0] += 1
        due.append(pause.is_due(done, total=12))
    assert [done for done, is_due in enumerate(due, start=1) if is_due] == [5, 10, 12]
    assert pause.seconds == 12


def test_the_end_of_a_unit_after_parts_of_it_gets_a_line(clock):
    pause = LinePause()
    assert [pause.is_due(done, total=9) for done in (1, 1.5, 2, 2.5, 3)] == [False, False, True, False, True]


def test_a_start_begins_the_pause_anew(clock):
    pause = LinePause()
    clock[0] += 6
    pause.start()
    assert not pause.is_due(1, total=9)
    assert pause.seconds == 0
