"""Several Ray nodes on one machine: one that joins gets work, one that dies loses none; bytes as in one process."""

import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ray
from ray.cluster_utils import Cluster

from tasks.code_files import REPOSITORY
from tasks.params.loading import parse_params
from tasks.params.sections import Params
from tasks.progress import Progress, as_current
from tasks.shards import Shard, map_shards
from tasks.tables import Table, write_table
from tasks.tables.schemas import DETECTIONS, FRAMES, VIDEOS
from tasks.workspace import Workspace
from tests.ray_nodes import add_node, cluster_without_cpus
from tests.waiting import until

VIDEOS_OF_TEST = ("a", "b", "c")


@dataclass(frozen=True)
class Boxes:
    """A box by the seed of each shard; notes the node, and waits while the file `hold_VIDEO` is there."""

    notes: Path
    stage: str = "detect"
    outputs: tuple[Table, ...] = field(default=(DETECTIONS,))

    def key_parts(self) -> dict[str, str | bytes]:
        return {}

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        with (self.notes / "nodes").open("a") as file:
            file.write(f"{shard.video_id} {ray.get_runtime_context().get_node_id() if ray.is_initialized() else ''}\n")
        while (self.notes / f"hold_{shard.video_id}").exists():
            time.sleep(0.02)
        left = float(np.random.rand())  # noqa: NPY002 - the global generator is what is tested
        row = {"video_id": shard.video_id, "box_source": "detected", "frame_index": 0, "detection_id": 0}
        row |= {"box_xywh": [left, 0.0, 8.0, 16.0], "score": 1.0, "drop_reason": None}
        return {DETECTIONS.name: pa.Table.from_pylist([row], schema=DETECTIONS.schema)}


@dataclass(frozen=True)
class Corpus:
    workspace: Workspace
    params: Params
    work: Boxes

    def map(self, **compute: Any) -> list[dict[str, str]]:
        params = self.params.model_copy(update={"compute": self.params.compute.model_copy(update=compute)})
        progress = Progress(None, "detect")
        with as_current(progress):
            map_shards(
                self.work, [Shard(name, 0, 1) for name in VIDEOS_OF_TEST], workspace=self.workspace, params=params
            )
        return progress.rejects

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.workspace.tables / "detections").iterdir())}

    def nodes_of(self, video: str) -> list[str]:
        lines = (self.work.notes / "nodes").read_text().splitlines() if (self.work.notes / "nodes").exists() else []
        return [line.split()[1] for line in lines if line.startswith(f"{video} ")]

    def forget(self) -> None:
        shutil.rmtree(self.workspace.state)
        shutil.rmtree(self.workspace.tables / "detections")
        (self.work.notes / "nodes").unlink()


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    workspace = Workspace.of_repository(tmp_path)
    plain = {"split": "val", "source": None, "width": 64, "height": 48, "frame_count": 1, "tags": []}
    plain |= {"labelled_frame_count": 0, "frames_per_second": None, "media_sha256": "0"}
    write_table(VIDEOS, [{"video_id": n, "media": n} | plain for n in VIDEOS_OF_TEST], VIDEOS.path(workspace.tables))
    write_table(FRAMES, [], FRAMES.path(workspace.tables))
    ray.cloudpickle.register_pickle_by_value(sys.modules[Boxes.__module__])
    return Corpus(
        workspace, parse_params((REPOSITORY / "params.yaml").read_text(), name="params.yaml"), Boxes(tmp_path)
    )


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with cluster_without_cpus() as cluster:
        yield cluster


def test_a_node_that_dies_is_replaced_by_one_that_joins_and_no_shard_is_lost(corpus: Corpus, cluster: Cluster) -> None:
    """The corpus of the cluster is that of one process, although its only node dies in the middle of a video."""
    corpus.map(executor="local")
    here = corpus.bytes()
    corpus.forget()
    (corpus.work.notes / "hold_b").touch()
    with ThreadPoolExecutor(1) as thread:  # Ray starts nodes in the main thread alone
        run = thread.submit(corpus.map, executor="ray", address=cluster.address, workers=2)
        time.sleep(1.0)  # the driver asks for workers that find no room
        lost = add_node(cluster)
        until(lambda: corpus.nodes_of("b") or run.done())
        cluster.remove_node(lost, allow_graceful=False)
        joined = add_node(cluster)
        until(lambda: len(corpus.nodes_of("b")) > 1 or run.done())
        (corpus.work.notes / "hold_b").unlink()
        rejects = run.result()

    assert rejects == []
    assert corpus.bytes() == here
    first, second = corpus.nodes_of("b")
    assert second == joined.node_id != first
