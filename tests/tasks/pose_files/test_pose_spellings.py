"""The same poses in the spellings that programs and editors choose: numbers as text, null, byte order marks."""

import json

import numpy as np
import pytest

from models.keypoints import COCO_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.pose_files.registry import read_poses
from tasks.formats.pose_files.video_frames import match_frames
from tests.tasks.pose_files.test_pose_formats import ROWS, VIDEO

_OPTIONAL = (
    *("score", "bbox", "track_id", "iscrowd", "category_id", "area", "confidence", "bbox_score", "frame_index"),
    *("frame", "visibility", "name", "scores"),
)


def with_numbers(value, spell):
    """The JSON value with each number as `spell` writes it."""
    if isinstance(value, dict):
        return {name: with_numbers(entry, spell) for name, entry in value.items()}
    if isinstance(value, list):
        return [with_numbers(entry, spell) for entry in value]
    return spell(value) if isinstance(value, int | float) else value


def with_nulls(value):
    """The JSON value with null for each optional field that an object of it lacks."""
    if isinstance(value, dict):
        is_list_of_frames = all(isinstance(entry, dict) for entry in value.values())
        absent = () if is_list_of_frames else set(_OPTIONAL) - set(value)
        return {name: with_nulls(entry) for name, entry in value.items()} | dict.fromkeys(absent)
    return [with_nulls(entry) for entry in value] if isinstance(value, list) else value


def rewritten(path, change):
    """Every JSON file at the path, changed; no test for formats that are no JSON."""
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    if files[0].suffix != ".json":
        pytest.skip("no JSON")
    for file in files:
        file.write_text(json.dumps(change(json.loads(file.read_text()))))


def same_poses(before, path, name):
    """Whether the file at the path gives the poses `before` in the same frames."""
    after = read_poses(path, name)
    matches = [match_frames(file, VIDEO, ROWS) for file in (before, after)]
    frames = [
        [match.frame_of(pose.key) for pose in file.poses] for match, file in zip(matches, (before, after), strict=True)
    ]
    assert frames[0] == frames[1] == [0, 2]
    assert after.rejects == ()
    for first, second in zip(before.poses, after.poses, strict=True):
        np.testing.assert_allclose(first.keypoints, second.keypoints)
        assert first.score == second.score
    return after


@pytest.mark.parametrize("spell", [str, lambda number: float(number)], ids=["text", "whole floats"])
def test_numbers_may_be_texts_and_whole_floats(example, spell):
    name, path = example
    before = read_poses(path, name)
    rewritten(path, lambda document: with_numbers(document, spell))
    same_poses(before, path, name)


def test_null_means_absent(example):
    name, path = example
    before = read_poses(path, name)
    rewritten(path, with_nulls)
    same_poses(before, path, name)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_byte_order_marks_and_line_ends_are_read(example, encoding, end):
    name, path = example
    before = read_poses(path, name)
    for file in path.glob("*") if path.is_dir() else [path]:
        if file.suffix == ".parquet":
            pytest.skip("no text")
        lines = json.dumps(json.loads(file.read_text()), indent=1) if file.suffix == ".json" else file.read_text()
        file.write_bytes(lines.replace("\n", end).encode(encoding))
    assert read_poses(path).format_name == name
    same_poses(before, path, name)


@pytest.mark.parametrize("written_name", ["deeplabcut", "sleap"])
def test_frames_of_a_csv_may_be_whole_floats(written, written_name):
    path = written(written_name)
    before = read_poses(path)
    lines = path.read_text().splitlines()
    column = lines[0].split(",").index("frame_idx") if written_name == "sleap" else 0
    first = 1 if written_name == "sleap" else next(i for i, line in enumerate(lines) if line.startswith("coords")) + 1
    for index in range(first, len(lines)):
        cells = lines[index].split(",")
        cells[column] = f"{cells[column]}.0"
        lines[index] = ",".join(cells)
    path.write_text("\n".join(lines))
    same_poses(before, path, written_name)


def person(frame, category, x):
    return {"frame_index": frame, "category_id": category, "keypoints": [x, 9, 1] * 17}


@pytest.mark.parametrize(("one", "other"), [("1", "3"), ("person", "car")])
def test_other_classes_than_the_person_are_counted_and_not_tracked(tmp_path, one, other):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([person(0, one, 5), person(0, other, 6), person(1, one, 7), person(1, None, 8)]))
    file = read_poses(path)
    assert [pose.keypoints[0, 0] for pose in file.poses] == [5, 7, 8]
    assert [row["reason"] for row in file.rejects] == ["1 records of crowds or of other classes; not read"]


def test_a_file_of_several_categories_gives_the_persons_with_their_own_names(tmp_path):
    path = tmp_path / "all.json"
    names = list(COCO_KEYPOINTS[::-1])
    annotations = [{"image_id": "4", "category_id": key, "keypoints": [key, 9, 1] * 17} for key in (2, 7)]
    categories = [{"id": 7, "name": "person", "keypoints": names}, {"id": 2, "name": "hand", "keypoints": ["a"]}]
    path.write_text(json.dumps({"images": [{"id": 4.0}], "annotations": annotations, "categories": categories}))
    file = read_poses(path)
    assert (file.names, [pose.keypoints[0, 0] for pose in file.poses]) == (tuple(names), [7])


def test_a_text_that_is_no_number_is_refused_with_its_field(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([person(0, 1, "five")]))
    with pytest.raises(InputError, match=r'keypoints\[0\]: expected a number, got "five"'):
        read_poses(path)
