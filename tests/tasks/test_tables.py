"""Tables: refused rows, stable bytes, atomic files, and readers that are not ours."""

import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import parquet
from tasks.tables import TABLES, TableError, read_table, write_blocks, write_table
from tasks.tables.arrays import table_of
from tasks.tables.files import conform
from tasks.tables.schemas import DETECTIONS, FRAMES, IMAGES, PERSONS, POSES, TRACKS, VIDEOS


def _detection(index: int, **changes: Any) -> dict[str, Any]:
    return {
        **{"video_id": "a", "box_source": "detected", "frame_index": index, "detection_id": index},
        **{"box_xywh": [1.0, 2.0, 3.0, 4.0], "score": 0.5, "drop_reason": None},
        **changes,
    }


REFUSED: dict[str, tuple[Any, str]] = {
    "a column is missing": ([{"video_id": "a"}], "missing columns"),
    "an unknown column": ([_detection(1, colour="red")], r"unknown columns \['colour'\]"),
    "text for a number": ([_detection(1, score="high")], "table detections"),
    "a fraction for a whole number": ([_detection(1, frame_index=1.5)], "column frame_index: expected whole numbers"),
    "a box of three": ([_detection(1, box_xywh=[1, 2, 3])], "table detections"),
    "null where none may be": ([_detection(1, score=None)], "column score has 1 empty"),
    "NaN": ([_detection(1, score=math.nan)], "column score holds NaN or infinity"),
    "NaN inside a list": ([_detection(1, box_xywh=[1, 2, math.nan, 4])], "column box_xywh holds NaN"),
    "infinity": ([_detection(1, score=math.inf)], "column score holds NaN or infinity"),
    "the same key twice": ([_detection(1), _detection(2), _detection(1, score=0.1)], "two rows share the key"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    rows, reason = REFUSED[case]
    with pytest.raises(TableError, match=reason):
        write_table(DETECTIONS, rows, tmp_path / "d.parquet")
    assert list(tmp_path.iterdir()) == []


def _halves(monkeypatch: pytest.MonkeyPatch) -> list[pa.Table]:
    """Rows of two blocks, of which three fill a row group."""
    monkeypatch.setattr(parquet, "ROW_GROUP", 3)
    return [conform(DETECTIONS, [_detection(index) for index in range(*ends)]) for ends in ((0, 4), (4, 8))]


def test_rows_in_any_blocks_give_the_same_bytes_in_row_groups_of_one_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.concat_tables(_halves(monkeypatch))
    at_once = write_table(DETECTIONS, rows, tmp_path / "a.parquet")
    for size in (1, 2, 3, 5):
        blocks = [rows.slice(start, size) for start in range(0, len(rows), size)]
        written = write_blocks(DETECTIONS, [rows.slice(0, 0), *blocks], tmp_path / "b.parquet")
        assert written.read_bytes() == at_once.read_bytes()
    with pq.ParquetFile(at_once) as file:
        groups = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert groups == [3, 3, 2]


def test_a_long_table_is_written_in_pieces_of_some_thousand_rows(tmp_path: Path) -> None:
    count = 2 * parquet.ROW_GROUP + 1
    columns = {"video_id": ["a"] * count, "frame_index": np.arange(count), "origin": ["detected"] * count}
    columns |= {name: np.zeros(count, np.int64) for name in ("track_id", "pose_id")}
    columns |= {name: np.zeros((count, 17)) for name in ("x", "y", "score")}
    rows = table_of(TRACKS, columns | {"box_source": ["detected"] * count, "similarity": [None] * count})
    pieces = list(parquet.parquet_pieces([rows], TRACKS.schema))
    assert len(pieces) == 4  # the row groups, and what is known of them at the end of the file
    path = tmp_path / "t.parquet"
    path.write_bytes(b"".join(pieces))
    assert read_table(TRACKS, path).equals(rows)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_plain_columns_have_a_dictionary_and_lists_have_none(table: Any, tmp_path: Path) -> None:
    row = {field.name: _cell(field.type) for field in table.schema}
    with pq.ParquetFile(write_table(table, [row], tmp_path / "t.parquet")) as file:
        group = file.metadata.row_group(0)
        columns = [group.column(at) for at in range(group.num_columns)]
    for column in columns:
        is_plain = column.path_in_schema in table.schema.names and column.physical_type != "BOOLEAN"
        assert column.has_dictionary_page == is_plain


def _cell(kind: pa.DataType) -> Any:
    """A value of any type."""
    if pa.types.is_nested(kind):
        return [_cell(kind.value_type)] * (kind.list_size if pa.types.is_fixed_size_list(kind) else 1)
    return pa.scalar("1").cast(kind).as_py() if not pa.types.is_boolean(kind) else True


def test_blocks_whose_keys_do_not_rise_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halves = _halves(monkeypatch)
    for blocks in (halves[::-1], [halves[0], halves[0]], [halves[0], halves[0].slice(3)]):
        with pytest.raises(TableError, match="expected keys above"):
            write_blocks(DETECTIONS, blocks, tmp_path / "d.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = write_table(DETECTIONS, [_detection(1)], tmp_path / "d.parquet")
    before = path.read_bytes()
    with pytest.raises(TableError):
        write_table(DETECTIONS, [_detection(1, score=None)], path)
    assert path.read_bytes() == before


def test_a_fraction_inside_a_list_of_whole_numbers_is_refused() -> None:
    rows = [{field.name: None for field in PERSONS.schema} | {"visibility": [0.5] * 17}]
    with pytest.raises(TableError, match="column visibility: expected whole numbers"):
        conform(PERSONS, rows)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(8)))
def test_rows_in_any_order_give_the_same_bytes(tmp_path_factory: Any, order: list[int]) -> None:
    folder = tmp_path_factory.mktemp("tables")
    sorted_file = write_table(DETECTIONS, [_detection(index) for index in range(8)], folder / "a.parquet")
    shuffled = write_table(DETECTIONS, [_detection(index) for index in order], folder / "b.parquet")
    as_arrow = write_table(DETECTIONS, read_table(DETECTIONS, shuffled), folder / "c.parquet")
    assert sorted_file.read_bytes() == shuffled.read_bytes() == as_arrow.read_bytes()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_can_be_empty_and_says_what_its_columns_mean(table: Any, tmp_path: Path) -> None:
    path = write_table(table, [], table.path(tmp_path, "a"))
    rows = read_table(table, path)
    assert rows.num_rows == 0
    assert set(table.key) <= set(table.schema.names)
    assert all(field.metadata[b"meaning"] for field in rows.schema)
    assert path.relative_to(tmp_path).parts == (
        (table.name, "a.parquet") if table.per_video else (f"{table.name}.parquet",)
    )


def test_no_key_column_may_be_null() -> None:
    for table in TABLES.values():
        assert not any(table.schema.field(name).nullable for name in table.key)


def test_pandas_and_duckdb_read_a_table_without_our_code(tmp_path: Path) -> None:
    path = write_table(DETECTIONS, [_detection(index) for index in range(3)], tmp_path / "d.parquet")
    frame = pd.read_parquet(path)
    assert frame["frame_index"].tolist() == [0, 1, 2]
    assert list(frame["box_xywh"][0]) == [1, 2, 3, 4]
    assert duckdb.sql(f"select sum(score), max(box_xywh[4]) from '{path}'").fetchall() == [(1.5, 4.0)]


BAD_FILES = {
    "not there": lambda path: None,
    "no Parquet": lambda path: path.write_text("nothing"),
    "truncated": lambda path: path.write_bytes(write_table(DETECTIONS, [_detection(1)], path).read_bytes()[:-30]),
    "another table": lambda path: write_table(FRAMES, [], path),
    "another type": lambda path: pd.DataFrame([_detection(1)]).to_parquet(path),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_not_this_table_is_one_error_with_its_name(case: str, tmp_path: Path) -> None:
    BAD_FILES[case](tmp_path / "d.parquet")
    with pytest.raises(TableError, match=r"d\.parquet: expected the "):
        read_table(DETECTIONS, tmp_path / "d.parquet")


def test_some_columns_can_be_read_alone(tmp_path: Path) -> None:
    path = write_table(DETECTIONS, [_detection(1)], tmp_path / "d.parquet")
    assert read_table(DETECTIONS, path, ["score", "video_id"]).schema.names == ["score", "video_id"]


def test_keypoints_are_stored_as_17_numbers() -> None:
    for name in ("x", "y", "score"):
        assert POSES.schema.field(name).type.list_size == 17
    assert np.dtype(POSES.schema.field("x").type.value_type.to_pandas_dtype()) == np.float32


def test_a_table_of_arrow_rows_is_checked_like_any_other() -> None:
    rows = pa.Table.from_pylist([_detection(1)], schema=DETECTIONS.schema)
    assert conform(DETECTIONS, rows).equals(rows)
    with pytest.raises(TableError, match="unknown columns"):
        conform(DETECTIONS, rows.append_column("more", pa.array([1])))
    with pytest.raises(TableError, match="two rows share"):
        conform(DETECTIONS, pa.concat_tables([rows, rows]))


def test_whole_corpus_tables_are_one_file_each(tmp_path: Path) -> None:
    assert VIDEOS.path(tmp_path) == tmp_path / "videos.parquet"
    assert IMAGES.path(tmp_path) == tmp_path / "images.parquet"
