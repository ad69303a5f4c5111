"""A video's table in the order of its frames."""

from pathlib import Path

import numpy as np
import pytest

from tasks.tables import TableError, read_table, write_table
from tasks.tables.arrays import table_of
from tasks.tables.by_video import RowsInOrder
from tasks.tables.schemas import DETECTIONS

FRAMES, PER_FRAME = 3_000, 4
"""More rows of a box source than are read at a time."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    count = 2 * FRAMES * PER_FRAME
    columns = {
        "video_id": ["a"] * count,
        "box_source": np.repeat(["annotated", "detected"], FRAMES * PER_FRAME),
        "frame_index": np.tile(np.repeat(np.arange(FRAMES), PER_FRAME), 2),
        "detection_id": np.tile(np.arange(FRAMES * PER_FRAME), 2),
        "box_xywh": np.ones((count, 4)),
        "score": np.arange(count) / count,
        "drop_reason": [None] * count,
    }
    return write_table(DETECTIONS, table_of(DETECTIONS, columns), tmp_path_factory.mktemp("tables") / "a.parquet")


@pytest.mark.parametrize("box_source", ["annotated", "detected"])
@pytest.mark.parametrize("step", [1, 700, 10_000])
def test_each_row_is_given_once_before_its_frame_ends(path, box_source, step):
    columns = ["frame_index", "detection_id", "score"]
    rows = RowsInOrder(DETECTIONS, path, columns, box_source)
    ends = range(step, FRAMES + step, step)
    parts = [rows.before(end) for end in ends]
    for end, part in zip(ends, parts, strict=True):
        assert set(part["frame_index"].to_pylist()) == set(range(end - step, min(end, FRAMES)))
    whole = read_table(DETECTIONS, path)
    first = box_source == "detected" and FRAMES * PER_FRAME
    assert [row for part in parts for row in part.to_pylist()] == (
        whole.slice(first, FRAMES * PER_FRAME).select(columns).to_pylist()
    )


@pytest.mark.parametrize("frames", [1, 700, 10_000])
def test_windows_have_all_rows_of_their_frames(path, frames):
    windows = list(RowsInOrder(DETECTIONS, path, ["frame_index", "detection_id"], "detected").windows(frames))
    assert [row for window in windows for row in window["detection_id"].to_pylist()] == [*range(FRAMES * PER_FRAME)]
    in_windows = [{index // frames for index in window["frame_index"].to_pylist()} for window in windows]
    assert in_windows == [{number} for number in range(len(windows))]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_damaged_table_is_an_error_of_the_table(path, tmp_path, is_there):
    damaged = tmp_path / "b.parquet"
    if is_there:
        damaged.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TableError, match="expected the Parquet table detections"):
        RowsInOrder(DETECTIONS, damaged, ["frame_index"], "detected").before(1)
