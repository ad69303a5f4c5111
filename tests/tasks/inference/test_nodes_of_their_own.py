"""Ray nodes that share no disk with the driver: tables by Ray, videos from an S3 store, the bytes of one process."""

import logging
import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from flows.runtime.remote_corpus import fetch
from tasks.errors import InputError, MachineError
from tasks.progress import Progress, as_current
from tasks.recover import RecoverWork
from tasks.shards import Shard, map_shards
from tasks.shards.node_inputs import NodeInputs
from tests.object_store import empty_bucket, object_store
from tests.ray_nodes import add_node, cluster_without_cpus
from tests.tasks.conftest import write_video
from tests.waiting import until

URL = "s3://lab/clips"
FRAMES = 6
FOLDER, FILE = "posetrack/images/val/a", "videos/b.mp4"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with object_store() as server:
        yield empty_bucket(server, monkeypatch)


@pytest.fixture
def fetched(corpus: Any, bucket: Any) -> Any:
    """A folder of pictures and a video file with two walkers each, in the store and fetched by the driver."""
    data = corpus.workspace.data
    for name in ("a", "b"):
        corpus.video(name, FRAMES)
    write_video(data / FILE, FRAMES, width=80, height=64)
    corpus.videos[1] |= {"media": FILE, "source": None}
    for row in corpus.frames[FRAMES:]:
        row["path"] = None
    corpus.write()
    for name in ("a", "b"):
        corpus.two_walkers(name, FRAMES, missed=[(3, 1)])
    for path in [*(data / FOLDER).iterdir(), data / FILE]:
        bucket.upload_file(str(path), f"clips/{path.relative_to(data)}")
    shutil.rmtree(data)
    fetch(URL, corpus.workspace.state, lambda _: None)
    data.symlink_to(corpus.workspace.state / "fetched/files")
    return corpus


@pytest.fixture
def on_ray(params: Any, change: Any, cluster: Cluster) -> Callable[..., Any]:
    """Params of a run on the nodes of the cluster, which have disks of their own."""

    def chosen(workers: int = 2, **compute: Any) -> Any:
        nodes = {"shared_disk": False, "node_cache": "$NODE_DISK/cache"}
        return change(
            params, compute={"executor": "ray", "address": cluster.address, "workers": workers, **nodes, **compute}
        )

    return chosen


@pytest.fixture
def cluster(bucket: Any) -> Iterator[Cluster]:
    """A head without any CPU, which finds the store as the nodes will."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[Patient.__module__])
    with cluster_without_cpus() as cluster:
        yield cluster


def add_node_with(disk: Path, cluster: Cluster, *, cpus: int = 1, **variables: str) -> Any:
    """A node with a disk of its own."""
    disk.mkdir()
    return add_node(cluster, cpus=cpus, env_vars={"NODE_DISK": str(disk), **variables})


@dataclass(frozen=True)
class Patient(RecoverWork):
    """Recovery that notes where it looks for its inputs, and begins once the file `gate` is gone."""

    gate: Path = Path()

    def __call__(self, shard: Shard) -> Any:
        here = [str(path) for path in (Path.cwd(), self.data, self.tables, *self.weights.values())]
        with self.gate.with_name("begun").open("a") as file:
            file.write(" ".join([shard.video_id, *here]) + "\n")
        while self.gate.exists():
            time.sleep(0.02)
        return super().__call__(shard)

    def begun(self) -> list[list[str]]:
        path = self.gate.with_name("begun")
        return [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []


def patient(corpus: Any, params: Any, gate: Path) -> Patient:
    gate.touch()
    workspace = corpus.workspace
    weights = {name: workspace.weights(name) for name in ("pose", "correspondence")}
    return Patient(workspace.data, workspace.tables, weights, params, gate=gate)


def recover(work: Patient, corpus: Any, params: Any) -> list[dict[str, str]]:
    """Map it; gives the rejects."""
    progress = Progress(None, "recover")
    with as_current(progress):
        map_shards(work, work.shards(["a", "b"]), workspace=corpus.workspace, params=params)
    return progress.rejects


def forget(corpus: Any) -> dict[str, bytes]:
    """Results of all stages, which are removed with the store, but not the fetched corpus."""
    results = corpus.files()
    for name in ("poses", "recovered_poses", "correspondences", "affinities", "tracks", "merged_tracks"):
        shutil.rmtree(corpus.workspace.tables / name, ignore_errors=True)
    for name in ("store", "fresh"):
        shutil.rmtree(corpus.workspace.state / name, ignore_errors=True)
    return results


@contextmanager
def moved_away(*paths: Path) -> Iterator[None]:
    for path in paths:
        path.rename(path.with_name(f"{path.name}.moved"))
    yield
    for path in paths:
        path.with_name(f"{path.name}.moved").rename(path)


def cached(disk: Path) -> set[str]:
    """Files of all entries in the cache of a node."""
    return {path.name for path in (disk / "cache/entries").rglob("*.*") if path.suffix in {".jpg", ".mp4"}}


def test_the_tables_are_those_of_one_process_though_no_worker_reads_the_drivers_disk(
    fetched: Any, params: Any, on_ray: Any, cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetched.run(params)
    here = forget(fetched)
    for path in (fetched.workspace.state / "fetched/files").rglob("*.*"):
        path.write_bytes(b"\0" * path.stat().st_size)
    disks = [tmp_path / "disk_1", tmp_path / "disk_2"]
    for disk in disks:
        add_node_with(disk, cluster)
    caplog.set_level(logging.INFO, "werkzeug")
    chosen = on_ray()

    assert fetched.run(chosen, "estimate").rejects == []
    work, tables = patient(fetched, chosen, tmp_path / "gate"), fetched.workspace.tables
    inputs = [tables / name for name in ("videos.parquet", "frames.parquet", "persons.parquet", "detections", "poses")]
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(recover, work, fetched, chosen)
        until(lambda: len(work.begun()) == 2 or run.done(), seconds=180)
        with moved_away(*inputs, fetched.workspace.models, fetched.workspace.state / "fetched"):
            work.gate.unlink()
            assert run.result() == []
    assert fetched.run(chosen, "track", "merge").rejects == []

    assert fetched.files() == here
    for _, folder, *paths in work.begun():
        assert Path(folder).parents[2] in disks
        assert paths == ["data", "artifacts/tables", *(f"artifacts/models/{n}.safetensors" for n in work.weights)]
    gets = Counter(re.findall(r"GET /lab/clips/(\S+)", "\n".join(caplog.messages)))
    assert set(gets) == {FILE, *(f"{FOLDER}/{index:06}.jpg" for index in range(FRAMES))}
    assert max(gets.values()) <= len(disks), "a node fetches an object once, whichever of its stages and workers asks"


def test_what_is_sent_names_no_path_of_the_driver(fetched: Any, on_ray: Any, cluster: Cluster, tmp_path: Path) -> None:
    ray.init(cluster.address)
    weights = {"pose": fetched.workspace.weights("pose")}
    work = RecoverWork(fetched.workspace.data, fetched.workspace.tables, weights, on_ray())
    inputs = NodeInputs(work, fetched.workspace.state)
    shards = work.shards(["a", "b"])
    sent = [inputs.work, *map(inputs.of, shards)]
    assert str(tmp_path).encode() not in ray.cloudpickle.dumps(sent)
    first, second = (files for _, files, _ in sent[1:])
    assert [file.content for file in first[:3]] == [file.content for file in second[:3]], "each is put there once"
    (fetched.workspace.data / FOLDER / "000002.jpg").unlink()
    video = inputs.of(shards[0])[2]
    assert [file.name for file in video.files] == [f"{FOLDER}/{index:06}.jpg" for index in (0, 1, 3, 4, 5)]


def test_workers_of_a_node_fetch_once_and_a_fault_of_an_object_is_that_of_its_video(
    fetched: Any, bucket: Any, params: Any, on_ray: Any, cluster: Cluster, tmp_path: Path, caplog: Any
) -> None:
    """First the node has no credentials; then an object is gone; then it is another one; then all is well."""
    fetched.run(params, "estimate")
    here = forget(fetched)
    chosen = on_ray()
    poor = add_node_with(tmp_path / "poor", cluster, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    with pytest.raises(InputError, match=rf"^node {os.uname().nodename}: s3://lab/clips/.*: expected credentials of "):
        fetched.run(chosen, "estimate")
    cluster.remove_node(poor)

    add_node_with(tmp_path / "disk", cluster, cpus=2)
    video = bucket.Object(f"clips/{FILE}")
    content = video.get()["Body"].read()
    video.delete()
    caplog.set_level(logging.INFO, "werkzeug")
    rejects = fetched.run(chosen, "estimate").rejects
    reason = f"FrameError: {URL}/{FILE}: expected the object that the corpus was fetched from, got none: it was deleted"
    assert rejects == [{"source": "b", "location": "", "reason": f"{reason} meanwhile"}]
    gets = Counter(re.findall(rf"GET /lab/clips/{FOLDER}/(\S+)", "\n".join(caplog.messages)))
    assert gets == {f"{index:06}.jpg": 1 for index in range(FRAMES)}, "two workers had a shard each"

    video.put(Body=content[::-1])
    with pytest.raises(
        MachineError, match=r"s3://lab/clips/videos/b.mp4: expected version \w+ as listed, got \w+, sinc"
    ):
        fetched.run(chosen, "estimate")
    video.put(Body=content)
    assert fetched.run(chosen, "estimate").rejects == []
    assert fetched.files("estimate") == here
    assert cached(tmp_path / "disk") == {"b.mp4", *gets}


def test_a_node_that_dies_is_replaced_by_one_that_joins_and_its_cache_keeps_to_its_size(
    fetched: Any, params: Any, on_ray: Any, cluster: Cluster, tmp_path: Path
) -> None:
    fetched.run(params, "estimate", "recover")
    here = fetched.files("estimate", "recover")
    forget(fetched)
    fetched.run(params, "estimate")
    chosen = on_ray(workers=1, node_cache_max_gib=1e-9)
    work = patient(fetched, chosen, tmp_path / "gate")
    with ThreadPoolExecutor(1) as thread:  # Ray starts nodes in the main thread alone
        run = thread.submit(recover, work, fetched, chosen)
        lost = add_node_with(tmp_path / "lost", cluster)
        until(lambda: work.begun() or run.done(), seconds=180)
        cluster.remove_node(lost, allow_graceful=False)
        add_node_with(tmp_path / "joined", cluster)
        until(lambda: len(work.begun()) > 1 or run.done(), seconds=180)
        work.gate.unlink()
        assert run.result() == []

    assert fetched.files("estimate", "recover") == here
    begun = [(name, Path(folder).relative_to(tmp_path).parts[0]) for name, folder, *_ in work.begun()]
    assert begun[:2] == [(begun[0][0], "lost"), (begun[0][0], "joined")]
    assert {name for name, _ in begun} == {"a", "b"}
    assert cached(tmp_path / "joined") in ({"b.mp4"}, {f"{index:06}.jpg" for index in range(FRAMES)})


def test_a_corpus_on_the_drivers_disk_is_refused_before_ray_starts(corpus: Any, params: Any, change: Any) -> None:
    corpus.video("a", 1)
    corpus.write()
    corpus.two_walkers("a", 1)
    chosen = change(params, compute={"executor": "ray", "address": "127.0.0.1:1", "shared_disk": False})
    with pytest.raises(InputError, match=r"^compute.shared_disk is false: expected a corpus by URL, such as s3://"):
        corpus.run(chosen, "estimate")
