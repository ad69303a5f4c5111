"""Checkpoints are whole, verified, few, and never run code."""

import hashlib
import pickle

import pytest
import torch

from tasks.training.checkpoint import CheckpointStore, FinalResults


@pytest.fixture
def notices():
    return []


@pytest.fixture
def store(tmp_path, notices):
    return CheckpointStore(tmp_path / "key", notices.append)


def state(value: int) -> dict:
    return {"model": {"weight": torch.full((50,), float(value))}, "epoch": value}


def test_the_latest_of_the_two_that_are_kept_is_loaded(store):
    for epoch in (1, 2, 3):
        store.save(state(epoch), epoch=epoch, step=0)
    assert [path.name[:10] for path in store.checkpoints()] == ["epoch_0003", "epoch_0002"]
    assert store.load()["epoch"] == 3


def test_a_step_within_an_epoch_comes_after_its_begin_and_before_the_next(store):
    store.save(state(1), epoch=1, step=0)
    store.save(state(2), epoch=1, step=120)
    assert store.load()["epoch"] == 2
    store.save(state(3), epoch=2, step=0)
    assert store.load()["epoch"] == 3


@pytest.mark.parametrize("damage", ["truncated", "one bit flipped", "emptied"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(store, notices, damage):
    store.save(state(1), epoch=1, step=0)
    path = store.save(state(2), epoch=2, step=0)
    content = bytearray(path.read_bytes())
    if damage == "one bit flipped":
        content[len(content) // 2] ^= 1
    path.write_bytes({"truncated": content[:-9], "emptied": b""}.get(damage, content))
    assert store.load()["epoch"] == 1
    assert len(notices) == 1
    assert path.name in notices[0]


def test_a_checkpoint_that_would_run_code_is_refused(store, notices, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    content = pickle.dumps(Trap())
    store.folder.mkdir()
    digest = hashlib.sha256(content).hexdigest()[:16]
    (store.folder / f"epoch_0001_step_000000-{digest}.pt").write_bytes(content)
    assert store.load() is None
    assert notices
    assert not (tmp_path / "sprung").exists()


def test_nothing_partial_stays_when_a_state_cannot_be_written(store):
    with pytest.raises(Exception, match="pickle"):
        store.save({"model": lambda: None}, epoch=1, step=0)
    assert list(store.folder.iterdir()) == []


def test_finished_weights_are_found_again_while_they_are_whole(store, notices):
    assert store.finished() is None
    store.folder.mkdir()
    store.weights.write_bytes(b"weights")
    results = FinalResults({"oks_ap": 0.5}, {"curve": [{"x": 1.0}]})
    store.finish([{"epoch": 1.0}], results)
    finished = store.finished()
    assert (finished.history, finished.results) == ([{"epoch": 1.0}], results)
    store.weights.write_bytes(b"weightz")
    assert store.finished() is None
    assert "damaged" in notices[0]
