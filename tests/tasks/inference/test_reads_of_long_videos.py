"""A video in many shards is read as often as one in a single shard."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.detect import DetectWork
from tasks.frames import VideoFrames
from tasks.inference import videos
from tasks.inference.person_boxes import Annotations
from tasks.shards import Shard
from tasks.shards.keys import ShardKeys

FRAMES = 7


@pytest.fixture
def reads(monkeypatch):
    """How often the real readers open each table and video from now on, by its name."""
    counts = Counter()

    class CountedFile(pq.ParquetFile):
        def __init__(self, source, **options):
            counts["/".join(Path(source).parts[-2:])] += 1
            super().__init__(source, **options)

    class CountedFrames(VideoFrames):
        def __init__(self, data_root, video, frames):
            counts[video["video_id"]] += 1
            super().__init__(data_root, video, frames)

    monkeypatch.setattr(pq, "ParquetFile", CountedFile)
    monkeypatch.setattr(videos, "VideoFrames", CountedFrames)
    return counts


@pytest.mark.parametrize("shard_frames", [1, 3, FRAMES])
def test_estimate_reads_boxes_for_the_keys_and_for_the_work_and_opens_the_video_once(
    corpus, params, change, reads, shard_frames
):
    corpus.video("a", FRAMES)
    corpus.write()
    corpus.two_walkers("a", FRAMES)
    reads.clear()
    corpus.run(change(params, estimate={"shard_frames": shard_frames}), "estimate")
    assert len(corpus.table("poses", "a")) == 2 * FRAMES
    assert reads["detections/a.parquet"] == 2 and reads["a"] == 1


@pytest.mark.parametrize("shard_frames", [1, FRAMES])
def test_keys_of_detect_read_the_persons_of_all_videos_once(corpus, params, change, reads, shard_frames):
    for name in "abc":
        corpus.video(name, FRAMES)
    workspace = corpus.write()
    chosen = change(params, detect={"shard_frames": shard_frames})
    work = DetectWork(workspace.data, workspace.tables, {}, chosen)
    shards, keys = work.shards("abc"), ShardKeys(work, workspace.tables)
    reads.clear()
    of_all = keys.keys(shards)
    assert reads["tables/persons.parquet"] == 1 and len(set(of_all.values())) == len(shards) == 3 * (
        FRAMES // shard_frames
    )
    assert of_all == {shard: keys.key(shard) for shard in shards}


def test_a_key_names_the_rows_of_its_frames_whatever_else_is_read_with_them(corpus, params):
    corpus.video("a", FRAMES)
    tables = corpus.write().tables
    corpus.detections("a", [(index, (8.0, 10.0, 22.0, 40.0)) for index in range(FRAMES)])
    work = DetectWork(corpus.workspace.data, tables, {}, params)
    inputs = (("detections", tables / "detections/a.parquet"),)
    shards = [Shard("a", 0, 3, inputs), Shard("a", 3, 6, inputs)]
    before = ShardKeys(work, tables).keys(shards)
    corpus.detections("a", [(index, (8.0, 10.0, 22.0, 40.0 + (index == 4))) for index in range(FRAMES)])
    after = ShardKeys(work, tables).keys(shards)
    assert [before[shard] == after[shard] for shard in shards] == [True, False]


def test_annotated_boxes_of_a_range_are_those_of_the_video_in_it(corpus):
    corpus.video("a", FRAMES)
    corpus.video("b", 2)
    annotations = Annotations(corpus.write().tables)
    boxes = annotations.boxes("a")
    assert len(boxes) == 2 * FRAMES
    of_range, inside = annotations.boxes("a", range(2, 5)), (boxes.frame_index >= 2) & (boxes.frame_index < 5)
    assert inside.sum() == len(of_range) == 6
    assert np.array_equal(of_range.frame_index, boxes.frame_index[inside])
    assert np.array_equal(of_range.box_xywh, boxes.box_xywh[inside])
    assert len(annotations.boxes("b", range(2, 5))) == 0
