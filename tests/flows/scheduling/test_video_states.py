"""The states of a video: every case of the table, one row each."""

import math
from dataclasses import replace

import pytest

from flows.scheduling.video_states import (
    Keys,
    Seen,
    VideoState,
    at_end,
    at_fault,
    at_start,
    retried,
    row_at_start,
    why_it_waits,
)

NOW = Keys("code", "params", "weights")
WHOLE = Seen("whole", bytes_sha256="b", companions_sha256="c", frames=9)
BEFORE = VideoState("street", "done", bytes_sha256="b", companions_sha256="c", keys=NOW, first_seen="then")


@pytest.mark.parametrize(
    ("sight", "before", "state"),
    [
        ("new", None, "pending"),
        ("same", {"state": "done"}, "done"),
        ("same", {"state": "done", "keys": replace(NOW, params="others")}, "pending"),
        ("same", {"state": "done", "keys": replace(NOW, weights="others")}, "pending"),
        ("same", {"state": "done", "keys": replace(NOW, code="other")}, "pending"),
        ("same", {"state": "pending"}, "pending"),
        ("same", {"state": "running"}, "pending"),
        ("same", {"state": "waiting"}, "pending"),
        ("same", {"state": "removed"}, "pending"),
        ("same", {"state": "rejected"}, "rejected"),
        ("same", {"state": "rejected", "keys": Keys()}, "rejected"),
        ("same", {"state": "failed", "attempts": 2}, "pending"),
        ("same", {"state": "failed", "attempts": 3}, "failed"),
        ("changed", {"state": "done"}, "pending"),
        ("changed", {"state": "rejected"}, "pending"),
        ("changed", {"state": "failed", "attempts": 3}, "pending"),
        ("other boxes", {"state": "rejected"}, "pending"),
        ("broken", None, "rejected"),
        ("broken", {"state": "done"}, "rejected"),
        ("waiting", None, "waiting"),
        ("waiting", {"state": "done"}, "waiting"),
        ("absent", {"state": "done"}, "removed"),
        ("absent", {"state": "failed", "attempts": 3}, "removed"),
    ],
)
def test_the_state_at_the_start_of_a_run(sight, before, state):
    seen = {
        "changed": replace(WHOLE, bytes_sha256="others"),
        "other boxes": replace(WHOLE, companions_sha256="others"),
        "broken": Seen("broken", reason="expected a video"),
        "waiting": Seen("waiting", reason="changed 3 s ago"),
        "absent": Seen("absent"),
    }.get(sight, WHOLE)
    known = None if before is None else replace(BEFORE, **before)
    assert at_start(seen, known, NOW, attempts=3) == state
    row = row_at_start("street", seen, known, NOW, attempts=3, now="now")
    assert row.state == state
    assert row.first_seen == ("now" if before is None else "then")


def test_a_video_of_other_bytes_begins_anew():
    failed = replace(BEFORE, state="failed", attempts=3, reason="disk", seconds=4.0)
    row = row_at_start("street", replace(WHOLE, bytes_sha256="others"), failed, NOW, attempts=3, now="now")
    assert (row.attempts, row.seconds, row.reason, row.bytes_sha256) == (0, 0.0, "", "others")


def test_a_reason_stays_with_the_bytes_it_is_of():
    rejected = replace(BEFORE, state="rejected", reason="recover: no keypoint")
    assert row_at_start("street", WHOLE, rejected, NOW, attempts=3, now="now").reason == "recover: no keypoint"


def test_how_a_run_ends_for_a_video():
    running = replace(BEFORE, state="running", attempts=1, host="a", pid=7, keys=Keys())
    done = at_end(running, rejected=None, keys=NOW, seconds=2.0)
    assert (done.state, done.keys, done.attempts, done.pid) == ("done", NOW, 0, 0)
    assert at_end(running, rejected="broken", keys=NOW, seconds=2.0).state == "rejected"
    hit = at_fault(running, reason="disk", is_its_own=True)
    assert (hit.state, hit.attempts, hit.reason) == ("failed", 2, "disk")
    assert at_fault(running, reason="disk", is_its_own=False).state == "pending"


@pytest.mark.parametrize("state", ["waiting", "pending", "running", "done", "rejected", "failed", "removed"])
def test_only_bad_ends_are_retried(state):
    row = replace(BEFORE, state=state, attempts=3, reason="r")
    expected = replace(row, state="pending", attempts=0, reason="") if state in {"rejected", "failed"} else row
    assert retried(row) == expected


@pytest.mark.parametrize(
    ("opens", "quiet", "settle", "as_before", "waits"),
    [
        (True, 100, 60, False, False),
        (True, 10, 60, False, True),
        (True, 10, 60, True, True),
        (False, 100, 60, False, True),
        (False, 100, 60, True, False),
        (False, 0, 0, False, False),
        (True, -math.inf, 60, False, True),  # a clock was set back
        (True, -math.inf, 60, True, False),
    ],
)
def test_a_file_waits_until_it_is_quiet_and_opens_or_stays_as_it_is(opens, quiet, settle, as_before, waits):
    reason = why_it_waits(opens=opens, quiet_seconds=quiet, settle_seconds=settle, is_as_before=as_before)
    assert bool(reason) == waits
