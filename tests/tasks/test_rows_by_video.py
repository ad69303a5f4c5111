"""Rows of one video out of a table of all: the same rows, and the same key of a shard, whoever stands beside it."""

import pyarrow as pa
import pytest

from tasks.shards.keys import ShardKeys
from tasks.shards.work import Shard
from tasks.tables import write_table
from tasks.tables.by_video import RowsByVideo
from tasks.tables.schemas import FRAMES, VIDEOS


@pytest.mark.parametrize("names", [["a", "a", "b", "b", "b"], ["b", "a", "b", "a", "b"], []])
def test_rows_come_in_the_order_of_the_table(names):
    rows = RowsByVideo(pa.table({"video_id": pa.array(names, pa.string()), "row": range(len(names))}))
    for name in ("a", "b", "c"):
        expected = [row for row, other in enumerate(names) if other == name]
        assert rows.of(name)["row"].to_pylist() == expected and rows.count(name) == len(expected)
    assert rows.video_ids == sorted(set(names))


class Work:
    """Of a stage without params."""

    stage = "track"

    def key_parts(self):
        return {}


def frames_of(video_id, count, *, path):
    return [
        {"video_id": video_id, "frame_index": index, "image_id": index, "file_name": "x", "path": path}
        | {"seconds": index / 8, "is_labelled": index % 3 == 0, "ignore_regions": None}
        for index in range(count)
    ]


@pytest.mark.parametrize("before", [0, 1, 7, 8, 13])
def test_a_key_does_not_depend_on_other_videos(tmp_path, before):
    video = {"split": "val", "source": None, "media": "b", "media_sha256": "0", "width": 8, "height": 8}
    video |= {"frame_count": 11, "labelled_frame_count": 4, "frames_per_second": None, "tags": []}
    keys = set()
    for folder, others in (("alone", []), ("beside", [("a", before), ("c", 2)])):
        names = [("b", 11), *[other for other in others if other[1]]]
        videos = [video | {"video_id": name} for name, _ in names]
        rows = [row for name, count in names for row in frames_of(name, count, path="p" if name == "a" else None)]
        write_table(VIDEOS, videos, VIDEOS.path(tmp_path / folder))
        write_table(FRAMES, rows, FRAMES.path(tmp_path / folder))
        keys.add(ShardKeys(Work(), tmp_path / folder).key(Shard("b", 2, 9)))
    assert len(keys) == 1
