"""The shard store, the keys, and map_shards in process and on real Ray actors."""

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ray
import torch

from tasks.code_files import REPOSITORY
from tasks.content_key import file_digest
from tasks.errors import InputError, MachineError
from tasks.frames import VideoFrames
from tasks.params.loading import parse_params
from tasks.params.section import section_json
from tasks.params.sections import Params
from tasks.progress import Progress, as_current, current
from tasks.shards import Shard, map_shards
from tasks.shards.keys import ShardKeys
from tasks.shards.ray_cluster import most_gpus, workers_that_fit
from tasks.shards.store import ShardStore, copy_out
from tasks.shards.time_limits import TimeLimits
from tasks.tables import Table, read_table, write_table
from tasks.tables.schemas import DETECTIONS, FRAMES, VIDEOS
from tasks.workspace import Workspace

VIDEO_FRAMES = 6


@dataclass(frozen=True)
class BrightestBlock:
    """Real work on real frames: a box around what is brightest in each frame, and who did it."""

    data: Path
    tables: Path
    params: Params
    deeds: Path
    fail_on: str = ""
    full_on: str = ""
    die_on: str = ""
    deaths: int = 1
    hang_on: str = ""
    greedy_on: str = ""
    bad_input: bool = False
    seconds: float = 0.0
    """What a shard takes at least."""
    weights: bytes = b"w"
    stage: str = "detect"
    outputs: tuple[Table, ...] = field(default=(DETECTIONS,))

    def key_parts(self) -> dict[str, str | bytes]:
        return {"params": section_json(self.params, self.stage), "weights": self.weights}

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        deed = {"video": shard.video_id, "pid": os.getpid(), **self.environment()}
        with (self.deeds / "deeds.jsonl").open("a") as file:
            file.write(json.dumps(deed) + "\n")
        self._misbehave(shard)
        time.sleep(self.seconds)
        video = read_table(VIDEOS, VIDEOS.path(self.tables)).to_pandas().set_index("video_id").loc[shard.video_id]
        rows = [
            row for row in read_table(FRAMES, FRAMES.path(self.tables)).to_pylist() if row["video_id"] == shard.video_id
        ]
        frames = VideoFrames(self.data, video.to_dict(), rows)
        current().notice(f"looked at {shard.video_id}")
        brightest = [_row(shard, *seen) for seen in frames.read(range(shard.first_frame, shard.last_frame))]
        return {DETECTIONS.name: pa.Table.from_pylist(brightest, schema=DETECTIONS.schema)}

    def environment(self) -> dict[str, Any]:
        return {"gpus": ray.get_gpu_ids() if ray.is_initialized() else []}

    def _misbehave(self, shard: Shard) -> None:
        if self.bad_input:
            raise InputError("weights of another network")
        if shard.video_id == self.fail_on:
            raise ValueError("frame 3: expected a picture\nmore")
        if shard.video_id == self.full_on:
            Path("/dev/full").write_bytes(b"x")
        if shard.video_id == self.greedy_on:
            np.ones(3 << 30, np.uint8)
        killed = self.deeds / "killed"
        if shard.video_id == self.die_on and (len(killed.read_text()) if killed.exists() else 0) < self.deaths:
            with killed.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        if shard.video_id == self.hang_on and [deed["video"] for deed in self._deeds()].count(shard.video_id) == 1:
            signal.pause()

    def _deeds(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.deeds / "deeds.jsonl").read_text().splitlines()]


class WithTorch(BrightestBlock):
    """The same, with the state of torch."""

    def environment(self) -> dict[str, Any]:
        return {"threads": torch.get_num_threads(), "deterministic": torch.are_deterministic_algorithms_enabled()}


def _row(shard: Shard, index: int, picture: np.ndarray) -> dict[str, Any]:
    y, x = np.unravel_index(picture[..., 0].argmax(), picture.shape[:2])
    noise = float(np.random.rand())  # noqa: NPY002 - the global generator is what is tested
    return {
        **{"video_id": shard.video_id, "box_source": "detected", "frame_index": index, "detection_id": index},
        **{"box_xywh": [float(x), float(y), 8.0, 16.0], "score": noise, "drop_reason": None},
    }


@dataclass(frozen=True)
class Corpus:
    workspace: Workspace
    work: BrightestBlock
    shards: list[Shard]
    params: Params

    def map(self, *, work: BrightestBlock | None = None, shards: list[Shard] | None = None, **compute: Any) -> Progress:
        params = self.params.model_copy(update={"compute": self.params.compute.model_copy(update=compute)})
        progress = Progress(self.workspace.state, "detect")
        with as_current(progress):
            map_shards(work or self.work, shards or self.shards, workspace=self.workspace, params=params)
        return progress

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.workspace.tables / "detections").iterdir())}

    def deeds(self) -> list[dict[str, Any]]:
        path = self.work.deeds / "deeds.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def corpus(tmp_path: Path, paint: Any, picture_file: Any) -> Corpus:
    params = parse_params((REPOSITORY / "params.yaml").read_text(), name="params.yaml")
    compute = params.compute.model_copy(update={"executor": "local", "ray_from_frames": 0})
    params = params.model_copy(update={"compute": compute})
    workspace = Workspace.of_repository(tmp_path)
    names = ["a", "b", "c"]
    _write_index(workspace, names, paint, picture_file)
    work = BrightestBlock(workspace.data, workspace.tables, params, tmp_path)
    return Corpus(workspace, work, [Shard(name, 0, VIDEO_FRAMES) for name in names], params)


def _write_index(workspace: Workspace, names: list[str], paint: Any, picture_file: Any) -> None:
    videos, frames = [], []
    for offset, name in enumerate(names):
        for index in range(VIDEO_FRAMES):
            path = f"{name}/{index}.png"
            picture_file(workspace.data / path, paint(index + 7 * offset))
            frames.append({"video_id": name, "frame_index": index, "path": path, "image_id": index, "file_name": path})
        videos.append({"video_id": name, "media": name, "media_sha256": f"digest of {name}"})
    plain = {"split": "val", "source": None, "width": 64, "height": 48, "frame_count": VIDEO_FRAMES, "tags": []}
    plain |= {"labelled_frame_count": 0, "frames_per_second": None}
    write_table(VIDEOS, [video | plain for video in videos], VIDEOS.path(workspace.tables))
    unlabelled = {"is_labelled": False, "ignore_regions": None, "seconds": None}
    write_table(FRAMES, [frame | unlabelled for frame in frames], FRAMES.path(workspace.tables))


def _mapped(corpus: Corpus, work: BrightestBlock, shards: list[Shard]) -> list[dict[str, str]] | None:
    """Rejects of a run on two workers; None where a fault of the machine ended it."""
    try:
        return corpus.map(work=work, shards=shards, executor="ray", workers=2).rejects
    except MachineError:
        return None


def _kill_workers(corpus: Corpus, chance: random.Random, ended: threading.Event) -> list[int]:
    """Kill the worker that began last, four times at random moments; gives their process numbers."""
    killed: list[int] = []
    while len(killed) < 4 and not ended.wait(chance.uniform(0.05, 0.4)):
        pids = [deed["pid"] for deed in corpus.deeds() if deed["pid"] not in {os.getpid(), *killed}]
        with contextlib.suppress(OSError):
            if pids and b"ray::" in Path(f"/proc/{pids[-1]}/cmdline").read_bytes():
                os.kill(pids[-1], signal.SIGKILL)
                killed.append(pids[-1])
    return killed


@pytest.fixture(scope="module")
def ray_of_two() -> Iterator[None]:
    """One Ray for the module, with two CPUs and two logical GPUs, as a flow would have started it."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[BrightestBlock.__module__])
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    ray.init(
        "local", num_cpus=2, num_gpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False
    )
    yield
    ray.shutdown()


def test_a_full_disk_ends_the_stage_and_rejects_no_video(corpus: Corpus) -> None:
    with pytest.raises(MachineError, match="No space left on device; make room on the disk and run the same command"):
        corpus.map(work=replace(corpus.work, full_on="b"))
    assert corpus.map().rejects == []
    assert list(corpus.bytes()) == ["a.parquet", "b.parquet", "c.parquet"]
    assert [deed["video"] for deed in corpus.deeds()].count("a") == 1, "finished work is kept"


def test_each_video_gets_its_file_and_all_its_frames(corpus: Corpus) -> None:
    corpus.map()
    assert list(corpus.bytes()) == ["a.parquet", "b.parquet", "c.parquet"]
    for shard in corpus.shards:
        rows = read_table(DETECTIONS, DETECTIONS.path(corpus.workspace.tables, shard.video_id))
        assert rows["frame_index"].to_pylist() == list(range(VIDEO_FRAMES))


def test_nothing_is_computed_twice_and_the_bytes_are_the_same(corpus: Corpus) -> None:
    corpus.map()
    before, deeds = corpus.bytes(), len(corpus.deeds())
    for path in (corpus.workspace.tables / "detections").iterdir():
        path.unlink()
    progress = corpus.map()
    assert corpus.bytes() == before
    assert len(corpus.deeds()) == deeds
    assert progress.notices == ["looked at a", "looked at b", "looked at c"]  # reported again though not computed again


def test_finished_files_stay_though_the_store_is_gone(corpus: Corpus) -> None:
    corpus.map()
    deeds = len(corpus.deeds())
    shutil.rmtree(corpus.workspace.state / "store")
    progress = corpus.map()
    assert len(corpus.deeds()) == deeds and not (corpus.workspace.state / "store").exists()
    assert progress.notices == ["looked at a", "looked at b", "looked at c"]


def test_outputs_are_no_links_into_the_store(corpus: Corpus) -> None:
    corpus.map()
    for path in (corpus.workspace.tables / "detections").iterdir():
        assert path.stat().st_nlink == 1
        path.write_bytes(b"spoilt content")
    corpus.map()
    assert all(content.startswith(b"PAR1") for content in corpus.bytes().values())
    assert len(corpus.deeds()) == len(corpus.shards)


SPOIL = {
    "flipped byte": lambda path: path.write_bytes(path.read_bytes()[:-9] + b"\xff" + path.read_bytes()[-8:]),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "table gone": lambda path: path.unlink(),
    "manifest gone": lambda path: (path.parent / "entry.json").unlink(),
    "manifest without the table": lambda path: (path.parent / "entry.json").write_text('{"sha256": {}, "reports": {}}'),
    "manifest broken": lambda path: (path.parent / "entry.json").write_text('{"sha256": 3}'),
}


@pytest.mark.parametrize("case", SPOIL)
def test_a_damaged_entry_is_noticed_and_made_again(case: str, corpus: Corpus) -> None:
    corpus.map()
    before = corpus.bytes()
    SPOIL[case](next((corpus.workspace.state / "store").glob("*/*/detections.parquet")))
    for path in (corpus.workspace.tables / "detections").iterdir():
        path.unlink()
    corpus.map()
    assert corpus.bytes() == before
    assert len(corpus.deeds()) == len(corpus.shards) + 1


def test_a_half_written_entry_is_not_seen(corpus: Corpus) -> None:
    store = ShardStore(corpus.workspace.state / "store", (DETECTIONS,))
    with pytest.raises(ValueError, match="expected rows of the tables"):
        store.add("ab" * 32, {}, {})
    assert store.find("ab" * 32) is None
    assert not list((corpus.workspace.state / "store").rglob("*.parquet"))


def test_a_copy_that_is_not_what_was_stored_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"one")
    with pytest.raises(OSError, match="expected SHA-256"):
        copy_out(source, tmp_path / "b", "0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    copy_out(source, tmp_path / "b", file_digest(source))
    assert (tmp_path / "b").read_bytes() == b"one"


def test_a_video_that_fails_is_rejected_and_the_rest_goes_on(corpus: Corpus) -> None:
    corpus.map()
    spoilt = replace(corpus.work, fail_on="b", weights=b"other")
    progress = corpus.map(work=spoilt)
    assert list(corpus.bytes()) == ["a.parquet", "c.parquet"]
    assert progress.rejects == [{"source": "b", "location": "", "reason": "ValueError: frame 3: expected a picture"}]
    corpus.map(work=replace(spoilt, fail_on=""))
    assert len(corpus.deeds()) == 3 + 3 + 1  # what was done stays done


def test_one_broken_part_rejects_its_whole_video(corpus: Corpus) -> None:
    parts = [Shard(name, first, first + 3) for name in "abc" for first in (0, 3)]
    progress = corpus.map(work=replace(corpus.work, fail_on="c"), shards=parts)
    assert list(corpus.bytes()) == ["a.parquet", "b.parquet"]
    assert [reject["source"] for reject in progress.rejects] == ["c"]


def test_when_every_video_fails_the_stage_fails(corpus: Corpus) -> None:
    with pytest.raises(RuntimeError, match=r"none of 1 videos .* frame 3"):
        corpus.map(work=replace(corpus.work, fail_on="b"), shards=[Shard("b", 0, 3)])


def test_bad_input_of_no_single_video_ends_the_stage(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="weights of another network"):
        corpus.map(work=replace(corpus.work, bad_input=True))


def test_without_shards_the_output_folder_is_there_and_empty(corpus: Corpus) -> None:
    with as_current(Progress(None, "detect")):
        map_shards(corpus.work, [], workspace=corpus.workspace, params=corpus.params)
    assert corpus.bytes() == {}


def _changed_video(corpus: Corpus) -> tuple[BrightestBlock, Shard]:
    rows = read_table(VIDEOS, VIDEOS.path(corpus.workspace.tables)).to_pylist()
    rows[0]["media_sha256"] = "other pictures"
    write_table(VIDEOS, rows, VIDEOS.path(corpus.workspace.tables))
    return corpus.work, corpus.shards[0]


KEY_CHANGES = {
    "weights": lambda corpus: (replace(corpus.work, weights=b"v"), corpus.shards[0]),
    "stage": lambda corpus: (replace(corpus.work, stage="track"), corpus.shards[0]),
    "frame range": lambda corpus: (corpus.work, Shard("a", 0, 3)),
    "video": lambda corpus: (corpus.work, Shard("b", 0, VIDEO_FRAMES)),
    "pictures": _changed_video,
    "an input table": lambda corpus: (corpus.work, replace(corpus.shards[0], inputs=(("videos", Path("absent")),))),
    "seed": lambda corpus: (
        replace(
            corpus.work,
            params=corpus.params.model_copy(update={"run": corpus.params.run.model_copy(update={"seed": 99})}),
        ),
        corpus.shards[0],
    ),
}


@pytest.mark.parametrize("case", KEY_CHANGES)
def test_a_key_changes_with_what_the_result_depends_on(case: str, corpus: Corpus) -> None:
    before = ShardKeys(corpus.work, corpus.workspace.tables).key(corpus.shards[0])
    assert before == ShardKeys(corpus.work, corpus.workspace.tables).key(corpus.shards[0])
    work, shard = KEY_CHANGES[case](corpus)
    assert ShardKeys(work, corpus.workspace.tables).key(shard) != before


def test_a_key_does_not_change_with_another_video_or_other_frames(corpus: Corpus) -> None:
    corpus.map()
    table = corpus.workspace.tables / "detections/a.parquet"
    shard = Shard("a", 0, 3, (("detections", table),))
    before = ShardKeys(corpus.work, corpus.workspace.tables).key(shard)
    rows = read_table(DETECTIONS, table).to_pylist()
    rows[5]["score"] = 0.5
    write_table(DETECTIONS, rows, table)
    assert ShardKeys(corpus.work, corpus.workspace.tables).key(shard) == before
    rows[2]["score"] = 0.5
    write_table(DETECTIONS, rows, table)
    assert ShardKeys(corpus.work, corpus.workspace.tables).key(shard) != before


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "workers"),
    [
        ([{"CPU": 8.0}], 2, 0, 4),
        ([{"CPU": 8.0, "GPU": 1.0}], 2, 1, 1),
        ([{"CPU": 8.0, "GPU": 1.0}], 1, 0.1, 8),
        ([{"CPU": 64.0, "GPU": 3.0}], 1, 0.1, 30),
        ([{"CPU": 3.0}, {"CPU": 3.0}], 2, 0, 2),
        ([{"CPU": 2.0, "GPU": 1.0}, {"CPU": 2.0, "GPU": 1.0}], 1, 2, 0),
        ([{"CPU": 2.0, "GPU": 2.0}, {"memory": 1e9}], 1, 1, 2),
    ],
)
def test_a_worker_needs_all_it_asks_for_on_one_node(
    nodes: list[dict[str, float]], cpus: int, gpus: float, workers: int
) -> None:
    assert workers_that_fit(nodes, cpus=cpus, gpus=gpus) == workers


def test_a_shard_may_take_a_multiple_of_what_the_slowest_took_for_as_many_frames() -> None:
    limits = TimeLimits(least_seconds=100.0, factor=10.0)
    assert limits.seconds(5) == 300.0, "60 s for a frame until a shard has ended"
    limits.ended(frames=10, seconds=20.0)
    limits.ended(frames=10, seconds=5.0)
    assert [limits.seconds(frames) for frames in (0, 1, 50)] == [100.0, 100.0, 1000.0]
    assert TimeLimits(least_seconds=None, factor=10.0).seconds(50) is None


def test_the_node_with_the_most_gpus_counts() -> None:
    assert most_gpus([{"CPU": 2.0, "GPU": 2.0}, {"CPU": 2.0, "GPU": 1.0}, {"CPU": 2.0}]) == 2
    assert most_gpus([{"CPU": 2.0}]) == 0


def test_few_frames_are_worked_on_here_since_ray_would_start_for_longer(corpus: Corpus) -> None:
    corpus.map(executor="ray", workers=2, ray_from_frames=len(corpus.shards) * VIDEO_FRAMES + 1)
    assert {deed["pid"] for deed in corpus.deeds()} == {os.getpid()}


@pytest.mark.usefixtures("ray_of_two")
class TestOnRay:
    @pytest.mark.parametrize(("workers", "order"), [(1, [0, 1, 2]), (2, [2, 0, 1])])
    def test_workers_and_order_do_not_change_a_byte(self, workers: int, order: list[int], corpus: Corpus) -> None:
        corpus.map()
        here = corpus.bytes()
        other = replace(corpus.work, weights=b"x")
        shards = [corpus.shards[position] for position in order]
        corpus.map(work=other, shards=shards, executor="ray", workers=workers)
        assert corpus.bytes() == here
        deeds = corpus.deeds()[3:]
        assert len({deed["pid"] for deed in deeds}) <= workers
        assert os.getpid() not in {deed["pid"] for deed in deeds}

    def test_threads_and_determinism_are_set_inside_the_actors(self, corpus: Corpus) -> None:
        run = corpus.params.run.model_copy(update={"threads_per_worker": 2})
        params = corpus.params.model_copy(update={"run": run})
        work = WithTorch(corpus.work.data, corpus.work.tables, params, corpus.work.deeds)
        replace(corpus, params=params).map(work=work, executor="ray", workers=1)
        assert {(deed["threads"], deed["deterministic"]) for deed in corpus.deeds()} == {(2, True)}

    def test_actors_get_the_gpus_they_ask_for(self, corpus: Corpus) -> None:
        corpus.map(executor="ray", workers=2, gpus_per_worker=1)
        assert all(len(deed["gpus"]) == 1 for deed in corpus.deeds())
        with pytest.raises(InputError, match="expected at most 2, the most that one node of Ray has, got 3; set"):
            corpus.map(work=replace(corpus.work, weights=b"y"), executor="ray", gpus_per_worker=3)

    def test_no_worker_is_waited_for_that_there_are_no_gpus_for(self, corpus: Corpus) -> None:
        corpus.map(executor="ray", workers=2, gpus_per_worker=2)
        assert len({deed["pid"] for deed in corpus.deeds()}) == 1
        assert all(len(deed["gpus"]) == 2 for deed in corpus.deeds())

    def test_a_video_whose_worker_is_killed_is_done_by_another(self, corpus: Corpus) -> None:
        corpus.map()
        here = corpus.bytes()
        progress = corpus.map(work=replace(corpus.work, die_on="b", weights=b"x"), executor="ray", workers=2)
        assert corpus.bytes() == here
        assert progress.rejects == []
        assert len({deed["pid"] for deed in corpus.deeds() if deed["video"] == "b"}) == 3

    def test_workers_that_are_killed_at_random_moments_change_no_byte(self, corpus: Corpus) -> None:
        frames = [Shard(shard.video_id, index, index + 1) for shard in corpus.shards for index in range(VIDEO_FRAMES)]
        corpus.map(shards=frames)
        here = corpus.bytes()
        work, ended = replace(corpus.work, weights=b"x", seconds=0.1), threading.Event()
        with ThreadPoolExecutor(1) as thread:
            killed = thread.submit(_kill_workers, corpus, random.Random(7), ended)
            try:
                runs = [_mapped(corpus, work, frames)]
                while runs[-1] is None and len(runs) < 9:  # a shard whose workers died twice: the same command again
                    runs.append(_mapped(corpus, work, frames))
            finally:
                ended.set()
        assert len(killed.result()) >= 2
        assert runs[-1] == []
        assert corpus.bytes() == here

    @pytest.mark.parametrize("share", [0.5, 0.25])
    def test_workers_share_a_gpu_by_fractions(self, share: float, corpus: Corpus) -> None:
        corpus.map(executor="ray", workers=2, gpus_per_worker=share)
        assert len(corpus.deeds()) == 3
        assert len({str(deed["gpus"]) for deed in corpus.deeds()}) == 1, "two fractions fit on the first of two GPUs"

    def test_a_worker_that_hangs_is_killed_and_its_video_done_by_another(self, corpus: Corpus) -> None:
        corpus.map()
        here = corpus.bytes()
        work = replace(corpus.work, hang_on="b", weights=b"x", deeds=corpus.work.deeds / "hung")
        work.deeds.mkdir()
        progress = corpus.map(work=work, executor="ray", workers=2, hang_seconds=1.0, hang_factor=1.0)
        assert corpus.bytes() == here
        assert progress.rejects == []
        pids = [deed["pid"] for deed in replace(corpus, work=work).deeds() if deed["video"] == "b"]
        assert len(pids) == len(set(pids)) == 2

    def test_a_worker_beyond_its_memory_ends_with_the_limit_and_the_others_go_on(self, corpus: Corpus) -> None:
        with pytest.raises(MachineError, match=r"video b: .* reached compute.memory_gib_per_worker 2; raise it"):
            corpus.map(work=replace(corpus.work, greedy_on="b"), executor="ray", workers=1, memory_gib_per_worker=2.0)
        assert list(corpus.bytes()) == ["a.parquet", "c.parquet"]
        assert corpus.map().rejects == []
        assert [deed["video"] for deed in corpus.deeds()].count("a") == 1

    def test_a_stage_whose_workers_die_ends_without_a_reject_and_continues_later(self, corpus: Corpus) -> None:
        with pytest.raises(MachineError, match=r"workers on video b died 2 times, .* run the same command again"):
            corpus.map(work=replace(corpus.work, die_on="b", deaths=9), executor="ray", workers=2)
        assert list(corpus.bytes()) == ["a.parquet", "c.parquet"], "the fault of one video stops no other"
        assert corpus.map(executor="ray", workers=2).rejects == []
        assert list(corpus.bytes()) == ["a.parquet", "b.parquet", "c.parquet"]

    def test_failures_and_bad_input_come_back_as_from_this_process(self, corpus: Corpus) -> None:
        progress = corpus.map(work=replace(corpus.work, fail_on="b"), executor="ray")
        assert progress.rejects == [
            {"source": "b", "location": "", "reason": "ValueError: frame 3: expected a picture"}
        ]
        with pytest.raises(InputError, match="weights of another network"):
            corpus.map(work=replace(corpus.work, bad_input=True, weights=b"x"), executor="ray")
