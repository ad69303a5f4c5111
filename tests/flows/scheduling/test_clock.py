"""A clock that jumps: the program's own is moved, files keep the times that they have."""

import json
import os
import time
from contextlib import contextmanager

import pytest

from flows.runtime.lease import Lease
from flows.scheduling.corpus_look import waiting_videos
from flows.scheduling.video_states import VideoState
from tests.end_to_end.test_reprocess import write_video

DAY = 86400.0


@pytest.fixture
def moved(monkeypatch):
    """`moved(seconds)`: the clock within the block."""
    real = time.time

    @contextmanager
    def by(seconds):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: real() + seconds)
            yield

    return by


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_video(folder / "street.mp4", 2)
    return folder


def test_a_clock_that_was_set_back_delays_a_video_by_a_single_run(corpus, moved):
    with moved(-DAY):
        [(path, seen)] = waiting_videos(corpus, {}, settle_seconds=60).items()
        assert path.name == "street.mp4"
        known = {"street": VideoState("street", "waiting", stamp=seen.stamp)}
        assert waiting_videos(corpus, known, settle_seconds=60) == {}
        write_video(corpus / "street.mp4", 3)
        assert list(waiting_videos(corpus, known, settle_seconds=60)) == [path], "it grew between the runs"


def test_a_clock_that_was_set_forward_takes_what_opens_and_nothing_half_copied(corpus, moved):
    (corpus / "copied.mp4").write_bytes((corpus / "street.mp4").read_bytes()[:40])
    with moved(DAY):
        assert [path.name for path in waiting_videos(corpus, {}, settle_seconds=60)] == ["copied.mp4"]


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_holder_here_keeps_its_lease_whatever_the_clock_does(tmp_path, moved, jump):
    path = tmp_path / "lease.json"
    with Lease(path, "x").held(patience_seconds=0):
        record = json.loads(path.read_text())
        os.utime(path, (time.time() - jump, time.time() - jump))
        with moved(jump):
            assert Lease(path, "y").why_lost(record) == ""


def test_a_lease_elsewhere_is_dated_by_the_disk_and_not_by_this_clock(tmp_path, moved):
    path = tmp_path / "lease.json"
    path.touch()
    with moved(DAY):
        assert Lease(path, "y").why_lost({"host": "elsewhere", "pid": 7}) == ""
