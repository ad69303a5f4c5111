"""A process that recovers poses is killed at named points and at random moments; the next one ends with its bytes."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.inference.recovered_poses import PoseProposer
from tasks.inference.video_recovery import _VideoPasses
from tasks.shards import checkpoints
from tasks.shards.checkpoints import ShardCheckpoint
from tasks.tables import read_table
from tasks.tables.schemas import AFFINITIES, DETECTIONS

FRAMES = 8


class Victims:
    """Runs a stage on copies of a corpus in processes that are killed."""

    def __init__(self, corpus, params, folder):
        self.corpus, self.params, self.folder, self.count = corpus, params, folder, 0
        self.server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("victims.py")],
            cwd=Path(__file__).parents[3],
            env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def copy(self):
        self.count += 1
        return Path(shutil.copytree(self.corpus.workspace.data.parent, self.folder / str(self.count)))

    def run(self, root, **how):
        case = {"root": str(root), "params": self.params.model_dump(mode="json"), "stage": "recover"} | how
        self.server.stdin.write(json.dumps(case) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())


def files(root):
    names = ("recovered_poses", "correspondences", "affinities")
    return {name: (root / f"artifacts/tables/{name}/a.parquet").read_bytes() for name in names}


def unfinished(root):
    return list((root / ".corrtrack").glob("store_unfinished/*"))


@pytest.fixture
def walked(corpus, params, change):
    """Poses of two walkers, one missed now and then, for a recovery in both directions and in chains."""
    corpus.video("a", FRAMES)
    corpus.write()
    corpus.two_walkers("a", FRAMES, missed=[(1, 0), (4, 1), (5, 1)])
    chosen = change(
        params,
        recover={"backward": True, "max_chain_frames": 2, "nms_oks": 0.999},
        compute={"checkpoint_frames": 3},
    )
    corpus.run(chosen, "estimate")
    return corpus, chosen


@pytest.fixture
def victims(walked, tmp_path_factory):
    victims = Victims(*walked, tmp_path_factory.mktemp("copies"))
    yield victims
    victims.server.kill()
    victims.server.wait()


POINTS = {
    "before the first checkpoint": {"rename": "reached.json", "when": "before"},
    "after the first checkpoint": {"rename": "reached.json", "when": "after"},
    "before the manifest of a checkpoint forward": {"rename": "reached.json", "when": "before", "count": 4},
    "after the last checkpoint": {"rename": "reached.json", "when": "after", "count": 4},
    "after the first table is there": {"rename": "recovered_poses/a.parquet", "when": "after"},
    "before the last table is there": {"rename": "affinities/a.parquet", "when": "before"},
}


def test_a_killed_recovery_goes_on_and_ends_with_the_same_bytes(victims):
    undisturbed = victims.copy()
    assert victims.run(undisturbed) == 0
    whole = files(undisturbed)
    assert read_table(AFFINITIES, undisturbed / "artifacts/tables/affinities/a.parquet").num_rows > FRAMES
    for name, point in POINTS.items():
        root = victims.copy()
        assert victims.run(root, **point) == -signal.SIGKILL, name
        kept = unfinished(root)
        assert bool(kept) == ("checkpoint" in name), name
        assert victims.run(root) == 0, name
        assert files(root) == whole, name
        assert unfinished(root) == [], name

    @settings(max_examples=4)
    @given(st.floats(0.0, 0.6), st.floats(0.0, 0.6))
    def at_any_moment(first, second):
        root = victims.copy()
        killed = [victims.run(root, seconds=seconds) for seconds in (first, second)]
        assert set(killed) <= {0, -signal.SIGKILL}
        assert victims.run(root) == 0
        assert files(root) == whole

    at_any_moment()


@pytest.fixture
def stopped(walked, monkeypatch):
    """A recovery that ended behind its third checkpoint; gives the corpus and the manifest's path."""
    corpus, params = walked
    saved = []
    real = ShardCheckpoint.save

    def save(self, *arguments, **rows):
        real(self, *arguments, **rows)
        saved.append(1)
        if len(saved) == 3:
            raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(ShardCheckpoint, "save", save)
        with pytest.raises(Exception, match="memory ran out"):
            corpus.run(params, "recover")
    [folder] = unfinished(corpus.workspace.data.parent)
    return corpus, params, folder


def count_proposals(monkeypatch):
    """Frames that are proposed to from now on."""
    frames, real = [], PoseProposer.propose

    def propose(self, source, *rest):
        frames.append(source.frame_index)
        return real(self, source, *rest)

    monkeypatch.setattr(PoseProposer, "propose", propose)
    return frames


def test_what_a_checkpoint_holds_is_not_computed_again(stopped, monkeypatch):
    corpus, params, _ = stopped
    frames = count_proposals(monkeypatch)
    corpus.run(params, "recover")
    assert min(frames) >= 2, "three frames forward were done, and all of them backward"
    assert len(frames) < FRAMES


def test_a_long_video_keeps_in_memory_what_the_next_frames_need(walked, monkeypatch):
    corpus, params = walked
    held, real = [], _VideoPasses._save

    def save(self, direction, done):
        real(self, direction, done)
        rows = max(len(rows._blocks) for rows in self._rows.values())
        held.append((rows, len(self._fitted), *(len(source._recovered) for source in self._sources)))

    monkeypatch.setattr(_VideoPasses, "_save", save)
    corpus.run(params, "recover")
    assert len(held) == 2 * FRAMES
    every, gap = params.compute.checkpoint_frames, params.recover.max_gap_frames
    most = (1 + gap * (every - 1), gap, *[gap] * (len(held[0]) - 2))  # a block is empty from the beginning
    assert np.max(held, axis=0).tolist() == list(most)


SPOIL = {
    "a flipped byte": lambda folder: _flip(next(folder.glob("affinities_*.parquet"))),
    "a table is gone": lambda folder: next(folder.glob("correspondences_*.parquet")).unlink(),
    "no JSON": lambda folder: (folder / "reached.json").write_text("{"),
    "another form": lambda folder: (folder / "reached.json").write_text("[]"),
}


def _flip(path):
    path.write_bytes(path.read_bytes()[:-9] + b"\xff" + path.read_bytes()[-8:])


@pytest.mark.parametrize("case", SPOIL)
def test_a_damaged_checkpoint_is_thrown_away_and_the_video_done_anew(case, stopped, monkeypatch):
    corpus, params, folder = stopped
    SPOIL[case](folder)
    frames = count_proposals(monkeypatch)
    corpus.run(params, "recover")
    again = corpus.files("recover")
    assert {0, FRAMES - 1} <= set(frames)
    shutil.rmtree(corpus.workspace.state)
    corpus.run(params, "recover")
    assert corpus.files("recover") == again


def test_checkpoints_that_nobody_needs_go_after_a_month(stopped, monkeypatch):
    corpus, params, folder = stopped
    changed = params.model_copy(update={"recover": params.recover.model_copy(update={"nms_oks": 0.5})})
    corpus.run(changed, "recover")
    assert unfinished(corpus.workspace.data.parent) == [folder]
    monkeypatch.setattr(checkpoints, "_KEPT_SECONDS", -1.0)
    corpus.run(changed, "recover")
    assert unfinished(corpus.workspace.data.parent) == []


def test_a_damaged_table_is_named_and_rejects_its_video_alone(walked):
    corpus, params = walked
    corpus.video("b", 3)
    corpus.write()
    corpus.two_walkers("b", 3)
    corpus.run(params, "estimate")
    path = DETECTIONS.path(corpus.workspace.tables, "b")
    path.write_bytes(path.read_bytes()[:100])
    shutil.rmtree(corpus.workspace.state)
    progress = corpus.run(params, "estimate")
    [reject] = progress.rejects
    assert reject["source"] == "b"
    assert "detections/b.parquet" in reject["reason"]
    assert (corpus.workspace.tables / "poses/a.parquet").is_file()
