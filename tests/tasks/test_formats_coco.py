"""COCO sets and results: one broken thing each, what is rejected, and that the rest stays."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.keypoints import COCO_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.coco_corpus import read_coco
from tasks.formats.detected_boxes import read_results


def test_a_whole_set_gives_pictures_and_persons(coco: Any) -> None:
    part = coco.write()
    assert part.rejects == []
    assert [row["image_id"] for row in part.images] == ["coco_tiny/train/1", "coco_tiny/train/2"]
    assert part.images[0]["path"] == "coco_tiny/images/train2017/a.png"
    person = part.persons[0]
    assert person["person_id"] == "coco_tiny/train/1/10"
    assert (person["source"], person["split"], person["area"]) == ("coco", "train", 300.5)
    assert person["visibility"] == [channel % 3 for channel in range(17)]
    assert person["x"] == [0.0 if channel % 3 == 0 else 10.0 + channel for channel in range(17)]  # unlabelled is 0


def test_keypoints_are_taken_by_name_not_by_position(coco: Any) -> None:
    coco.category["keypoints"] = list(reversed(COCO_KEYPOINTS))
    visibility = [row["visibility"] for row in coco.write().persons]
    assert visibility[0] == [channel % 3 for channel in range(17)][::-1]


def test_a_crowd_region_needs_no_keypoints(coco: Any) -> None:
    coco.person.update(iscrowd=1)
    del coco.person["keypoints"]
    part = coco.write()
    assert part.rejects == []
    assert part.persons[0]["is_crowd"]
    assert not any(part.persons[0]["visibility"])


@pytest.mark.parametrize("folder", ["images/train2017", "images/train", "train2017", "train"])
@pytest.mark.parametrize("year", ["", "2017"])
def test_every_official_folder_of_pictures_is_known(folder: str, year: str, coco: Any, json_file: Any) -> None:
    (coco.root / "images/train2017").rename(coco.root / "moved")
    (coco.root / folder).parent.mkdir(exist_ok=True)
    (coco.root / "moved").rename(coco.root / folder)
    json_file(coco.root / f"annotations/person_keypoints_train{year}.json", coco.document)
    part = read_coco(coco.data)
    assert part.rejects == []
    assert len(part.persons) == 2


def test_a_person_without_box_area_and_size_of_the_picture_is_read(coco: Any) -> None:
    for record in (coco.person, coco.image):
        for name in ("bbox", "area", "width", "height", "num_keypoints"):
            record[name] = None
    part = coco.write()
    assert part.rejects == []
    [person] = [row for row in part.persons if row["annotation_id"] == 10]
    assert person["box_xywh"] == pytest.approx([8.75, 19.85, 19.5, 0.3])  # x 11 to 26, y 20, grown
    assert person["area"] == pytest.approx(19.5 * 0.3)
    assert [(row["width"], row["height"]) for row in part.images] == [(64, 48), (64, 48)]


@pytest.mark.parametrize("name", ["train2017/a.png", "images/train2017/a.png", "train2017\\a.png"])
def test_names_of_pictures_may_begin_with_their_folder(coco: Any, name: str) -> None:
    coco.image["file_name"] = name
    part = coco.write()
    assert part.rejects == []
    assert part.images[0]["path"] == "coco_tiny/images/train2017/a.png"


def test_pictures_without_persons_are_not_indexed(coco: Any) -> None:
    coco.document["annotations"].pop()
    part = coco.write()
    assert part.rejects == []
    assert [row["source_id"] for row in part.images] == [1]


BROKEN_PERSONS: dict[str, tuple[dict[str, Any], str]] = {
    "id twice": ({"id": 11}, "id: expected an id of its own"),
    "unknown image": ({"image_id": 99}, "image_id: expected the id of an image of the file, got 99"),
    "image id missing": ({"image_id": None}, "image_id: expected a whole number"),
    "no person": ({"category_id": 3}, "category_id: expected 1, the person, got 3"),
    "keypoints too short": ({"keypoints": [1, 2, 2]}, "keypoints: expected 51 numbers, got 3 values"),
    "keypoint is text": ({"keypoints": ["one"] + [0] * 50}, 'keypoints[0]: expected a finite number, got "one"'),
    "keypoint is NaN": ({"keypoints": [math.nan, 1, 2] + [0] * 48}, "keypoints[0]: expected a finite number, got nan"),
    "keypoint is endless": ({"keypoints": [0, math.inf] + [0] * 49}, "keypoints[1]: expected a finite number, got inf"),
    "keypoint too large for a float": ({"keypoints": [10**400] + [0] * 50}, "keypoints[0]: expected a finite number"),
    "visibility of 7": ({"keypoints": [1, 1, 7] + [0] * 48}, "keypoints[2]: expected a visibility of 0 or 1 or 2"),
    "keypoint far outside": ({"keypoints": [9000, 1, 2] + [0] * 48}, "expected keypoints in a picture of 64x48"),
    "box and keypoints missing": ({"bbox": None, "keypoints": None}, "bbox: expected a box, or at least two keypoints"),
    "box of three": ({"bbox": [1, 2, 3]}, "bbox: expected 4 numbers, got 3 values"),
    "box without width": ({"bbox": [1, 2, 0, 5]}, "bbox: expected a positive width and height"),
    "box with NaN": ({"bbox": [1, 2, math.nan, 5]}, "bbox[2]: expected a finite number, got nan"),
    "box outside": ({"bbox": [100, 2, 5, 5]}, "bbox: expected a box inside the picture of 64x48"),
    "area of 0": ({"area": 0}, "area: expected a positive number, got 0.0"),
    "crowd of 2": ({"iscrowd": 2}, "iscrowd: expected 0, 1, true or false, got 2"),
}


@pytest.mark.parametrize("case", BROKEN_PERSONS)
def test_a_broken_person_is_rejected_alone(case: str, coco: Any) -> None:
    changes, reason = BROKEN_PERSONS[case]
    coco.person.update(changes)
    coco.document["annotations"].reverse()  # so that the broken one comes last
    part = coco.write()
    assert [row["annotation_id"] for row in part.persons] == [11]
    [reject] = part.rejects
    assert reject["source"] == "coco_tiny/annotations/person_keypoints_train2017.json"
    assert reject["location"]
    assert reason in reject["reason"]


def test_a_person_without_id_or_category_gets_an_id_that_no_other_has(coco: Any) -> None:
    coco.person.update(id=None, category_id=None)
    coco.document["annotations"][1]["id"] = 0
    part = coco.write()
    assert part.rejects == []
    assert sorted(row["annotation_id"] for row in part.persons) == [0, 1]


def test_a_person_that_is_no_object_is_rejected(coco: Any) -> None:
    coco.document["annotations"][0] = 3
    part = coco.write()
    assert len(part.persons) == 1
    assert part.rejects[0]["location"] == "annotations[0]"


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _shrink(path: Path) -> None:
    import cv2

    cv2.imwrite(str(path), np.zeros((24, 32, 3), np.uint8))


def _picture(coco: Any) -> Path:
    path: Path = coco.root / "images/train2017/a.png"
    return path


BROKEN_PICTURES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "missing": (
        lambda coco: (coco.root / "images/train2017/a.png").unlink(),
        "expected the picture a.png, got No such",
    ),
    "empty": (
        lambda coco: (coco.root / "images/train2017/a.png").write_bytes(b""),
        "a.png: expected a whole JPEG or PNG",
    ),
    "truncated": (lambda coco: _truncate(_picture(coco)), "a.png: expected a whole JPEG or PNG"),
    "of another size": (
        lambda coco: _shrink(coco.root / "images/train2017/a.png"),
        "expected 64x48 as annotated, got 32x24",
    ),
    "size missing": (lambda coco: coco.image.pop("width"), "width: expected a whole number from 1, got nothing"),
    "name leaves the root": (lambda coco: coco.image.update(file_name="../../a.png"), "stays below"),
    "absolute name": (lambda coco: coco.image.update(file_name="/etc/passwd"), "stays below"),
    "name is a number": (lambda coco: coco.image.update(file_name=3), "expected a file name, got 3"),
}


@pytest.mark.parametrize("case", BROKEN_PICTURES)
def test_a_broken_picture_is_rejected_with_its_persons_and_reported_once(case: str, coco: Any) -> None:
    spoil, reason = BROKEN_PICTURES[case]
    spoil(coco)
    part = coco.write()
    assert [row["source_id"] for row in part.images] == [2]
    assert [row["annotation_id"] for row in part.persons] == [11]
    [reject] = part.rejects
    assert reject["location"] == "image 1"
    assert reason in reject["reason"]


BROKEN_FILES: dict[str, tuple[object, str]] = {
    "not JSON": (b"{", "expected JSON"),
    "empty": (b"", "expected JSON"),
    "no text": (b"\xff\xfe\x00\xd8", "expected JSON"),
    "too deep": (b"[" * 100_000, "expected JSON"),
    "a list": ([], "expected an object with images"),
    "without images": ({"annotations": [], "categories": "person"}, "categories: expected a list"),
    "without category": ({"categories": [], "images": [], "annotations": []}, 'one category "person"'),
    "keypoints without name": (
        {"categories": [{"name": "person", "keypoints": list(COCO_KEYPOINTS[1:])}], "images": [], "annotations": []},
        "(nose is missing)",
    ),
}


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_broken_file_is_rejected_whole(case: str, coco: Any, json_file: Any) -> None:
    content, reason = BROKEN_FILES[case]
    path = coco.root / "annotations/person_keypoints_val2017.json"
    json_file(path, content if not isinstance(content, bytes) else None)
    if isinstance(content, bytes):
        path.write_bytes(content)
    part = coco.write()
    assert len(part.persons) == 2  # of the training file
    [reject] = part.rejects
    assert (reject["source"], reject["location"]) == ("coco_tiny/annotations/person_keypoints_val2017.json", "")
    assert reason in reject["reason"]
    assert str(coco.data) not in reject["reason"]


def test_other_files_are_reported(coco: Any, json_file: Any) -> None:
    for name in ("captions_train2017.json", "person_keypoints_train.json"):
        json_file(coco.root / "annotations" / name, {})
    (coco.data / "coco_empty").mkdir()
    part = coco.write()
    reasons = {reject["source"]: reject["reason"] for reject in part.rejects}
    assert "another name" in reasons["coco_tiny/annotations/captions_train2017.json"]
    assert "no such file" in reasons["coco_empty"]
    assert "expected one file for the split train" in reasons["coco_tiny/annotations/person_keypoints_train2017.json"]


BROKEN_DETECTIONS: dict[str, tuple[object, str]] = {
    "no object": (7, "record"),
    "score missing": ({"image_id": 1, "bbox": [0, 0, 2, 2]}, "score: expected a finite number, got nothing"),
    "score is NaN": ({"image_id": 1, "bbox": [0, 0, 2, 2], "score": math.nan}, "score: expected a finite number"),
    "box of two": ({"image_id": 1, "bbox": [0, 0], "score": 1}, "bbox: expected 4 numbers"),
    "image is text": ({"image_id": "one", "bbox": [0, 0, 2, 2], "score": 1}, "image_id: expected a whole number"),
    "no person": ({"image_id": 1, "bbox": [0, 0, 2, 2], "score": 1, "category_id": 18}, "category_id: expected 1"),
}


@pytest.mark.parametrize("case", BROKEN_DETECTIONS)
def test_a_broken_detection_is_rejected_alone(case: str, tmp_path: Path, json_file: Any) -> None:
    entry, reason = BROKEN_DETECTIONS[case]
    whole = {"image_id": 10034180000, "category_id": 1, "bbox": [1.5, 2, 3, 4], "score": 0.25}
    boxes, rejects = read_results(json_file(tmp_path / "d.json", [entry, whole]))
    assert [(box.image_id, box.box_xywh, box.score) for box in boxes] == [(10034180000, [1.5, 2.0, 3.0, 4.0], 0.25)]
    assert rejects[0]["location"] == "detection 0"
    assert reason in rejects[0]["reason"] or reason == "record"


@pytest.mark.parametrize("score", [{}, {"score": None}])
def test_boxes_of_a_file_without_scores_are_certain(score: dict[str, None], tmp_path: Path, json_file: Any) -> None:
    boxes, rejects = read_results(json_file(tmp_path / "d.json", [{"image_id": 1, "bbox": [0, 0, 2, 2], **score}] * 2))
    assert ([box.score for box in boxes], rejects) == ([1.0, 1.0], [])


@pytest.mark.parametrize("content", ["{}", "[", "3"])
def test_a_file_of_other_shape_is_no_file_of_detections(content: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(content)
    with pytest.raises(InputError, match=r"d\.json: expected"):
        read_results(tmp_path / "d.json")
