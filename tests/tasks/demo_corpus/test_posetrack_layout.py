"""The PoseTrack part is what PoseTrack18 would be, detections included."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.keypoints import EARS, POSETRACK_KEYPOINTS


@pytest.fixture(scope="module")
def videos(corpus_root: Path) -> dict[str, dict[str, Any]]:
    files = sorted((corpus_root / "posetrack" / "annotations").rglob("*.json"))
    return {f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in files}


@pytest.fixture(scope="module")
def people(videos: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [person for video in videos.values() for person in video["annotations"]]


def test_names_follow_posevals_rule(videos: dict[str, dict[str, Any]]) -> None:
    assert len(videos) == 10
    for name, video in videos.items():
        split, folder = name.split("/")
        assert re.fullmatch(r"\d{6}_mpii_demo", folder)
        for frame, image in enumerate(video["images"]):
            assert image["file_name"] == f"images/{split}/{folder}/{frame:06d}.jpg"
            assert image["vid_id"] == folder[:6]
            assert image["nframes"] == len(video["images"]) == 7


def test_ids_are_unique_over_the_corpus(videos: dict[str, dict[str, Any]], people: list[dict[str, Any]]) -> None:
    images = [image["id"] for video in videos.values() for image in video["images"]]
    assert len(set(images)) == len(images)
    assert len({person["id"] for person in people}) == len(people)
    assert all(image["frame_id"] == image["id"] for video in videos.values() for image in video["images"])


def test_every_frame_is_there_in_its_size(corpus_root: Path, videos: dict[str, dict[str, Any]]) -> None:
    for video in videos.values():
        for image in video["images"]:
            assert cv2.imread(str(corpus_root / "posetrack" / image["file_name"])).shape == (112, 160, 3)


def test_categories_name_the_17_channels(videos: dict[str, dict[str, Any]]) -> None:
    for video in videos.values():
        assert [category["keypoints"] for category in video["categories"]] == [list(POSETRACK_KEYPOINTS)]


def test_every_video_lists_what_is_hard(videos: dict[str, dict[str, Any]]) -> None:
    assert all(video["tags"] for video in videos.values())


def test_unlabelled_frames_have_no_annotations_and_labelled_ones_have(videos: dict[str, dict[str, Any]]) -> None:
    unlabelled = 0
    for video in videos.values():
        annotated = {person["image_id"] for person in video["annotations"]}
        for image in video["images"]:
            assert (image["id"] in annotated) == image["is_labeled"]
            unlabelled += not image["is_labeled"]
    assert unlabelled >= 5


def test_keypoints_lie_inside_and_ears_are_empty(people: list[dict[str, Any]]) -> None:
    for person in people:
        points = np.array(person["keypoints"]).reshape(17, 3)
        assert not points[EARS].any()
        labelled = points[:, 2] > 0
        assert labelled.sum() >= 3
        assert set(points[:, 2]) <= {0, 1}
        assert not points[~labelled].any()
        assert (points[labelled, :2] > 0).all() and (points[labelled, :2] < (160, 112)).all()


def test_boxes_hold_the_keypoints(people: list[dict[str, Any]]) -> None:
    for person in people:
        x, y, w, h = person["bbox"]
        points = np.array(person["keypoints"]).reshape(17, 3)
        labelled = points[points[:, 2] > 0][:, :2]
        assert (labelled >= (x - 0.01, y - 0.01)).all() and (labelled <= (x + w + 0.01, y + h + 0.01)).all()
        assert x >= 0 and y >= 0 and x + w <= 160.01 and y + h <= 112.01
        assert min(person["bbox_head"][2:]) > 0
        assert person["scores"] == []


def test_hidden_keypoints_are_left_out(videos: dict[str, dict[str, Any]]) -> None:
    hidden = [v for v in videos.values() if "occlusion" in v["tags"]]
    easy = [v for v in videos.values() if "easy" in v["tags"]]
    assert hidden and easy

    def labelled_share(chosen: list[dict[str, Any]]) -> float:
        channels = [channel for channel in range(17) if channel not in EARS and POSETRACK_KEYPOINTS[channel] != "nose"]
        flags = [np.array(p["keypoints"]).reshape(17, 3)[channels, 2] for v in chosen for p in v["annotations"]]
        return float(np.concatenate(flags).mean())

    assert labelled_share(easy) > 0.95
    assert labelled_share(hidden) < labelled_share(easy) - 0.05


def test_a_track_is_once_in_a_frame_and_lasts(people: list[dict[str, Any]]) -> None:
    pairs = [(person["image_id"], person["track_id"]) for person in people]
    assert len(set(pairs)) == len(pairs)


def test_crowds_are_ignore_regions(videos: dict[str, dict[str, Any]]) -> None:
    for video in videos.values():
        for image in video["images"]:
            xs, ys = image["ignore_regions_x"], image["ignore_regions_y"]
            assert [len(x) for x in xs] == [len(y) for y in ys]
            assert all(len(x) >= 3 for x in xs)
            assert bool(xs) == ("crowd" in video["tags"] and image["is_labeled"])


def test_detections_are_coco_results_on_every_frame(corpus_root: Path, videos: dict[str, dict[str, Any]]) -> None:
    for split in ("train", "val"):
        detections = json.loads((corpus_root / "posetrack" / "detections" / f"{split}.json").read_text())
        frames = {i["id"] for name, v in videos.items() if name.startswith(split) for i in v["images"]}
        unlabelled = {
            i["id"] for n, v in videos.items() if n.startswith(split) for i in v["images"] if not i["is_labeled"]
        }
        seen = {detection["image_id"] for detection in detections}
        assert seen <= frames
        assert not unlabelled or seen & unlabelled
        for detection in detections:
            assert detection.keys() == {"image_id", "category_id", "bbox", "score"}
            x, y, w, h = detection["bbox"]
            assert x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= 160.01 and y + h <= 112.01
            assert 0 < detection["score"] < 1
