"""The frames of a corpus while it is read: columns, which are written as the rows would be."""

import pytest

from tasks.columns_by_video import ColumnsByVideo
from tasks.formats.corpus_part import CorpusPart, joined
from tasks.tables import TableError, write_blocks, write_table
from tasks.tables.schemas import FRAMES


def rows_of(video_id, count):
    return [
        {"video_id": video_id, "frame_index": index, "image_id": index + 1, "file_name": f"{index}.jpg", "path": None}
        | {"seconds": index / 8, "is_labelled": index % 2 == 0, "ignore_regions": [[[0.0, 1.5]]] if index else None}
        for index in range(count)
    ]


def parts(*counts):
    return (CorpusPart(frames={f"video{at}": rows_of(f"video{at}", count)}) for at, count in enumerate(counts))


def test_rows_come_back_as_they_were():
    assert dict(joined(parts(3, 20), ColumnsByVideo(FRAMES)).frames) == joined(parts(3, 20)).frames


@pytest.mark.parametrize("names", [[], ["b", "a/c", "a", "a!", "é", "Z", "\U0001f600", "\uffee"]])
def test_the_file_is_that_of_all_rows_together(names, tmp_path):
    count = 20_000 if names else 0  # more than a row group
    columns = ColumnsByVideo(FRAMES)
    columns.update({name: rows_of(name, count)[::-1] for name in names})
    expected = write_table(FRAMES, [row for name in names for row in rows_of(name, count)], tmp_path / "all")
    written = write_blocks(FRAMES, columns.blocks(), tmp_path / "blocks")
    assert written.read_bytes() == expected.read_bytes()
    assert columns.row_count == len(names) * count


def test_rows_that_are_no_frames_are_refused_at_once():
    with pytest.raises(TableError, match=r"expected whole numbers, got 0\.5"):
        ColumnsByVideo(FRAMES)["a"] = [rows_of("a", 1)[0] | {"image_id": 0.5}]
