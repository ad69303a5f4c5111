"""Who writes to a folder, across machines: the other machine is a lease file with another host's name."""

import errno
import json
import os
import threading
import time

import pytest

from flows.runtime.lease import HeldError, Lease, holder_of

OTHER = {"host": "elsewhere", "pid": 7, "started": 0.0, "since": "then", "command": "corrtrack reprocess", "token": "t"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".corrtrack" / "lease.json"


def held_elsewhere(path, *, quiet_seconds):
    path.parent.mkdir()
    path.write_text(json.dumps(OTHER))
    last = time.time() - quiet_seconds
    os.utime(path, (last, last))


def test_a_holder_elsewhere_that_gives_signs_keeps_the_lease(path):
    held_elsewhere(path, quiet_seconds=10)
    named = r"found corrtrack reprocess \(pid 7 on elsewhere, since then\); wait for it or end it"
    with pytest.raises(HeldError, match=named), Lease(path, "another").held(patience_seconds=0.3):
        pass
    assert json.loads(path.read_text()) == OTHER
    assert holder_of(path) == "corrtrack reprocess (pid 7 on elsewhere, since then)"


def test_a_stale_one_is_taken_over_and_that_is_logged(path, caplog):
    held_elsewhere(path, quiet_seconds=100)
    assert holder_of(path) is None
    with Lease(path, "corrtrack reprocess").held(patience_seconds=0.3):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert "took the folder over from corrtrack reprocess (pid 7 on elsewhere" in caplog.text
    assert "it gave no sign for 100 s" in caplog.text
    assert list(path.parent.iterdir()) == []


def test_a_holder_here_whose_process_is_gone_is_taken_over_at_once(path, caplog):
    with Lease(path, "x").held(patience_seconds=0):
        record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"started": record["started"] - 1000}))
    with Lease(path, "y").held(patience_seconds=0):
        assert "its process is gone" in caplog.text


def test_the_holder_renews_its_lease_and_stops_when_another_has_it(path):
    lost = threading.Event()
    with Lease(path, "x", beat_seconds=0.05).held(patience_seconds=0, lost=lost.set):
        long_ago = time.time() - 1000
        os.utime(path, (long_ago, long_ago))
        while path.stat().st_mtime < long_ago + 500:
            time.sleep(0.02)
        path.write_text(json.dumps(OTHER))
        assert lost.wait(30)
    assert json.loads(path.read_text()) == OTHER, "the new holder keeps it"


def test_it_waits_for_the_holder_to_end(path):
    first, entered = Lease(path, "x").held(patience_seconds=0), threading.Event()

    def second():
        with Lease(path, "y").held(patience_seconds=60):
            entered.set()

    with first:
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.5)
        assert not entered.is_set()
    thread.join(60)
    assert entered.is_set()


def test_a_lease_that_a_share_denies_but_has_made_is_this_holders(path):
    lease = Lease(path, "x")
    with lease.held(patience_seconds=0):
        made = path.read_text()
    path.write_text(made)  # the file of a link whose answer was lost
    with lease.held(patience_seconds=0):
        assert path.read_text() == made
    assert not path.exists()


def test_a_disk_without_hard_links_has_leases_too(path, monkeypatch, caplog):
    def link(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)  # no such disk is at hand in a test
    held_elsewhere(path, quiet_seconds=100)
    with Lease(path, "x").held(patience_seconds=0):
        assert "took the folder over" in caplog.text
        with pytest.raises(HeldError, match="found x"), Lease(path, "y").held(patience_seconds=0.3):
            pass
    assert list(path.parent.iterdir()) == []
