"""The COCO part is what COCO keypoints would be."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from models.keypoints import COCO_KEYPOINTS
from tasks.demo_corpus.coco_layout import run_lengths


@pytest.fixture(scope="module")
def document(corpus_root: Path) -> dict[str, Any]:
    text = (corpus_root / "coco_demo" / "annotations" / "person_keypoints_train.json").read_text()
    return dict(json.loads(text))


@pytest.fixture(scope="module")
def people(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for entry in document["annotations"] if not entry["iscrowd"]]


def test_pycocotools_reads_it(corpus_root: Path) -> None:
    for split, count in (("train", 30), ("val", 4)):
        coco = COCO(str(corpus_root / "coco_demo" / "annotations" / f"person_keypoints_{split}.json"))
        assert len(coco.imgs) == count
        assert coco.loadCats([1])[0]["keypoints"] == list(COCO_KEYPOINTS)


def test_every_picture_is_there_in_its_size(corpus_root: Path, document: dict[str, Any]) -> None:
    for image in document["images"]:
        picture = cv2.imread(str(corpus_root / "coco_demo" / "images" / "train" / image["file_name"]))
        assert picture.shape == (image["height"], image["width"], 3)
    assert len(list((corpus_root / "coco_demo" / "images" / "train").iterdir())) == len(document["images"])


def test_keypoints_lie_in_the_picture_and_flags_count(document: dict[str, Any], people: list[dict[str, Any]]) -> None:
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    for person in people:
        points = np.array(person["keypoints"]).reshape(17, 3)
        labelled = points[:, 2] > 0
        assert set(points[:, 2]) <= {0, 1, 2}
        assert person["num_keypoints"] == labelled.sum()
        assert not points[~labelled].any()
        assert (points[labelled, :2] > 0).all()
        assert (points[labelled, :2] < sizes[person["image_id"]]).all()


def test_all_three_flags_and_one_to_four_people_occur(document: dict[str, Any], people: list[dict[str, Any]]) -> None:
    flags = {flag for person in people for flag in person["keypoints"][2::3]}
    assert flags == {0, 1, 2}
    counts = [sum(person["image_id"] == image["id"] for person in people) for image in document["images"]]
    assert max(counts) in (3, 4)
    assert len(set(counts)) >= 3


def test_seen_keypoints_lie_in_the_box(people: list[dict[str, Any]]) -> None:
    for person in people:
        x, y, w, h = person["bbox"]
        points = np.array(person["keypoints"]).reshape(17, 3)
        seen = points[points[:, 2] == 2][:, :2]
        assert (seen >= np.array([x, y]) - 3).all() and (seen <= np.array([x + w, y + h]) + 3).all()


def test_area_is_that_of_the_mask(document: dict[str, Any], people: list[dict[str, Any]]) -> None:
    sizes = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    for person in people:
        if person["area"] < 300 or len(person["segmentation"]) != 1:
            continue
        encoded = coco_mask.frPyObjects(person["segmentation"], *sizes[person["image_id"]])
        assert coco_mask.area(encoded).sum() == pytest.approx(person["area"], rel=0.35)


def test_crowds_are_regions_without_keypoints(document: dict[str, Any]) -> None:
    crowds = [entry for entry in document["annotations"] if entry["iscrowd"]]
    assert crowds
    for crowd in crowds:
        encoded = coco_mask.frPyObjects(crowd["segmentation"], *crowd["segmentation"]["size"])
        assert float(coco_mask.area(encoded)) == crowd["area"]
        assert list(coco_mask.toBbox(encoded)) == crowd["bbox"]
        assert crowd["keypoints"] == [0] * 51
        assert crowd["num_keypoints"] == 0


@pytest.mark.parametrize(
    ("rows", "runs"),
    [
        ([[0, 0], [0, 0]], [4]),
        ([[1, 1], [1, 1]], [0, 4]),
        ([[1, 0], [0, 0]], [0, 1, 3]),
        ([[0, 1], [1, 0]], [1, 2, 1]),
        ([[0, 0], [0, 1]], [3, 1]),
    ],
)
def test_run_lengths_go_down_the_columns(rows: list[list[int]], runs: list[int]) -> None:
    assert run_lengths(np.array(rows, bool)) == runs
