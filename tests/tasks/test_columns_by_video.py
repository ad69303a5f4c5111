"""The frames of a corpus while it is read: columns, which are written as the rows would be."""

import pytest

from tasks.columns_by_video import ColumnsByVideo
from tasks.formats.corpus_part import CorpusPart, RowsInColumns, joined
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


def in_columns(rows):
    return RowsInColumns({name: [row[name] for row in rows] for name in FRAMES.schema.names})


def test_rows_come_back_as_they_were():
    assert dict(joined(parts(3, 20), ColumnsByVideo(FRAMES)).frames) == joined(parts(3, 20)).frames


def test_rows_in_columns_are_those_rows():
    rows = rows_of("a", 5)
    lying = in_columns(rows)
    assert (list(lying), len(lying), lying[1:3], lying[-1]) == (rows, 5, rows[1:3], rows[-1])
    columns = ColumnsByVideo(FRAMES)
    columns["a"] = lying
    assert columns["a"] == rows


@pytest.mark.parametrize("names", [[], ["b", "a/c", "a", "a!", "é", "Z", "\U0001f600", "\uffee"]])
def test_the_file_is_that_of_all_rows_together(names, tmp_path):
    count = 20_000 if names else 0  # more than a row group
    columns = ColumnsByVideo(FRAMES)
    columns.update({name: rows_of(name, count)[::-1] for name in names})
    expected = write_table(FRAMES, [row for name in names for row in rows_of(name, count)], tmp_path / "all")
    written = write_blocks(FRAMES, columns.blocks(), tmp_path / "blocks")
    assert written.read_bytes() == expected.read_bytes()
    columns.update({name: in_columns(rows_of(name, count)) for name in names})
    assert write_blocks(FRAMES, columns.blocks(), tmp_path / "columns").read_bytes() == expected.read_bytes()
    assert columns.row_count == len(names) * count


def test_rows_that_are_no_frames_are_refused_at_once():
    with pytest.raises(TableError, match=r"expected whole numbers, got 0\.5"):
        ColumnsByVideo(FRAMES)["a"] = [rows_of("a", 1)[0] | {"image_id": 0.5}]


def test_columns_with_a_row_twice_are_refused_when_they_are_written(tmp_path):
    columns = ColumnsByVideo(FRAMES)
    columns["a"] = in_columns(rows_of("a", 2) + rows_of("a", 1))
    with pytest.raises(TableError, match="two rows share the key"):
        write_blocks(FRAMES, columns.blocks(), tmp_path / "frames")
