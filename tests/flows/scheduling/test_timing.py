"""When runs are due, and what becomes of late ones."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from flows.scheduling.timing import Timetable, duration, end_of, timetable, was_missed, why_too_late
from tasks.errors import InputError

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOURLY = Timetable(every_seconds=3600, anchor="2026-11-26T00:30:00+00:00")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400), ("7", 7)])
def test_times_have_units(text, seconds):
    assert duration(text, "--every") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5 weeks", "m"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match=r"--settle .*: expected a time such as 90s, 15m, 2h or 1d"):
        duration(text, "--settle")


@pytest.mark.parametrize("cron", ["61 * * * *", "* * *", "nightly", "* * * * * *", ""])
def test_an_impossible_cron_is_refused(cron):
    with pytest.raises(InputError, match=r'--cron ".*": expected five fields'):
        timetable(cron, None)


def test_one_of_cron_and_every_is_asked_for():
    for cron, every in ((None, None), ("0 3 * * *", "15m")):
        with pytest.raises(InputError, match="expected either --cron"):
            timetable(cron, every)
    with pytest.raises(InputError, match="at least 1s"):
        timetable(None, "0")


def test_the_next_occurrence():
    assert HOURLY.next_after(NOON) == NOON + timedelta(minutes=30)
    assert HOURLY.next_after(NOON + timedelta(minutes=30)) == NOON + timedelta(minutes=90)
    nightly = timetable("0 3 * * *", None).next_after(NOON)
    assert (nightly.hour, nightly.minute) == (3, 0)
    assert NOON < nightly <= NOON + timedelta(days=1, hours=1)


@pytest.mark.parametrize(
    ("late", "known", "catch_up", "runs"),
    [
        (timedelta(seconds=5), HOURLY, "latest", True),
        (timedelta(seconds=5), HOURLY, "none", True),
        (timedelta(minutes=30), HOURLY, "latest", True),
        (timedelta(minutes=30), HOURLY, "none", False),
        (timedelta(hours=2), HOURLY, "latest", False),
        (timedelta(hours=2), HOURLY, "none", False),
        (timedelta(hours=2), None, "latest", True),
        (timedelta(hours=2), None, "none", False),
    ],
)
def test_of_missed_occurrences_the_latest_runs_or_none(late, known, catch_up, runs):
    assert (why_too_late(NOON - late, NOON, known, catch_up) == "") == runs


def test_when_a_schedule_ends():
    assert end_of(None, now=NOON) is None
    assert end_of("2h", now=NOON) == NOON + timedelta(hours=2)
    assert end_of("2027-01-31T06:00+00:00", now=NOON) == datetime(2027, 1, 31, 6, tzinfo=UTC)
    with pytest.raises(InputError, match="expected a time to come"):
        end_of("2020-01-01", now=NOON)


def test_a_schedule_that_starts_again_runs_what_it_missed_once():
    before = NOON - timedelta(minutes=30)
    assert was_missed(before - timedelta(hours=1), NOON, HOURLY, "latest")
    assert not was_missed(before - timedelta(hours=1), NOON, HOURLY, "none")
    assert not was_missed(before, NOON, HOURLY, "latest")
    assert not was_missed(None, NOON, HOURLY, "latest")


def test_a_cron_expression_is_read_without_prefect_whose_settings_would_be_kept():
    program = (
        "import sys; from flows.scheduling.timing import timetable; timetable('0 3 * * *', None); "
        "print('prefect' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
