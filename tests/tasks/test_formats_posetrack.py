"""PoseTrack annotations: one broken thing each, what is rejected, and that the rest stays."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.keypoints import POSETRACK_KEYPOINTS
from tasks.formats.corpus_part import joined
from tasks.formats.posetrack_corpus import read_posetrack

SOURCE = "posetrack/annotations/train/000001_mpii_train.json"


def test_a_whole_video_gives_its_rows(posetrack: Any) -> None:
    part = posetrack.write()
    assert part.rejects == []
    [video] = part.videos
    assert (video["video_id"], video["split"], video["source"]) == ("000001_mpii_train", "train", SOURCE)
    assert video["media"] == "posetrack/images/train/000001_mpii_train"
    assert (video["width"], video["height"], video["frame_count"], video["labelled_frame_count"]) == (64, 48, 3, 2)
    assert [row["is_labelled"] for row in part.frames[posetrack.name]] == [True, True, False]
    assert part.frames[posetrack.name][2]["path"] == "posetrack/images/train/000001_mpii_train/000002.png"
    assert part.frames[posetrack.name][0]["ignore_regions"] == [[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]]]
    person = part.persons[3]
    assert (person["person_id"], person["frame_index"], person["track_id"]) == ("000001_mpii_train/1/1011", 1, 1)
    assert person["visibility"] == [2, 2, 2, 0, 0, *[2] * 12]
    assert person["box_head_xywh"] == [10.0, 18.0, 4.0, 4.0]


@pytest.mark.parametrize("order", ["shuffled", "without ears", "neck for head_bottom"])
def test_keypoints_are_taken_by_name(order: str, posetrack: Any) -> None:
    names = list(POSETRACK_KEYPOINTS)
    if order == "shuffled":
        names = list(np.random.default_rng(3).permutation(names))
    elif order == "without ears":
        names = [name for name in names if not name.endswith("ear")]
    expected = [row["x"] for row in posetrack.write().persons]
    for person in posetrack.persons:
        channels = np.reshape(person["keypoints"], (17, 3))
        person["keypoints"] = np.concatenate([channels[POSETRACK_KEYPOINTS.index(name)] for name in names]).tolist()
    renamed = ["neck" if name == "head_bottom" and order.startswith("neck") else name for name in names]
    posetrack.document["categories"][0]["keypoints"] = renamed
    part = posetrack.write()
    assert part.rejects == []
    assert [row["x"] for row in part.persons] == expected


def test_three_zeros_are_unlabelled_and_any_flag_is_labelled(posetrack: Any) -> None:
    posetrack.persons[0]["keypoints"][:6] = [0, 0, 0, 30, 31, 0]
    assert posetrack.write().persons[0]["visibility"][:3] == [0, 0, 2]
    assert posetrack.write().persons[0]["x"][:2] == [0.0, 0.0]


def test_frames_come_in_order_of_time(posetrack: Any) -> None:
    posetrack.images.reverse()
    part = posetrack.write()
    assert [row["image_id"] for row in part.frames[posetrack.name]] == [100, 101, 102]
    assert [row["frame_index"] for row in part.frames[posetrack.name]] == [0, 1, 2]


def test_without_is_labeled_the_frames_with_persons_are_labelled(posetrack: Any) -> None:
    for image in posetrack.images:
        del image["is_labeled"]
    assert [row["is_labelled"] for row in posetrack.write().frames[posetrack.name]] == [True, True, False]


def test_without_a_box_one_is_put_around_the_keypoints(posetrack: Any) -> None:
    del posetrack.persons[0]["bbox"]
    part = posetrack.write()
    assert part.rejects == []
    left, top, width, height = part.persons[0]["box_xywh"]
    assert (left, width) == pytest.approx((10 - 0.15 * 16, 16 + 0.3 * 16))
    assert (top, height) == pytest.approx((20 - 0.15, 0.3))


def test_tags_are_kept(posetrack: Any) -> None:
    posetrack.document["tags"] = ["crossing", "blur", "blur"]
    assert posetrack.write().videos[0]["tags"] == ["blur", "crossing"]


def test_the_digest_follows_the_pictures(posetrack: Any, picture_file: Any, paint: Any) -> None:
    before = posetrack.write().videos[0]["media_sha256"]
    assert posetrack.write().videos[0]["media_sha256"] == before
    picture_file(posetrack.root / posetrack.images[2]["file_name"], paint(9))
    assert posetrack.write().videos[0]["media_sha256"] != before


BROKEN_PERSONS: dict[str, tuple[dict[str, Any], str]] = {
    "id twice": ({"id": 1001}, "id: expected an id of its own, got 1001"),
    "unknown frame": ({"image_id": 999}, "image_id: expected the id of a frame of the file, got 999"),
    "frame missing": ({"image_id": None}, "image_id: expected a whole number"),
    "track twice in a frame": ({"track_id": 1}, "track_id: expected an identity once in a frame, got 1"),
    "track is text": ({"track_id": "a"}, "track_id: expected a whole number"),
    "box and keypoints missing": ({"keypoints": None, "bbox": None}, "bbox: expected a box, or at least two"),
    "keypoints of 15": ({"keypoints": [1] * 45}, "keypoints: expected 51 numbers, got 45 values"),
    "keypoint is NaN": ({"keypoints": [math.nan, 1, 1] + [0] * 48}, "keypoints[0]: expected a finite number, got nan"),
    "visibility of 0.5": ({"keypoints": [1, 1, 0.5] + [0] * 48}, "keypoints[2]: expected a visibility"),
    "keypoint far outside": ({"keypoints": [-500, 1, 1] + [0] * 48}, "expected keypoints in a picture of 64x48"),
    "box is text": ({"bbox": "big"}, 'bbox: expected a list of 4 numbers, got "big"'),
    "box without height": ({"bbox": [1, 1, 5, 0]}, "bbox: expected a positive width and height"),
    "box outside": ({"bbox": [-9, -9, 5, 5]}, "bbox: expected a box inside the picture"),
}


@pytest.mark.parametrize("case", BROKEN_PERSONS)
def test_a_broken_person_is_rejected_alone(case: str, posetrack: Any) -> None:
    changes, reason = BROKEN_PERSONS[case]
    posetrack.persons[0].update(changes)
    posetrack.persons.append(posetrack.persons.pop(0))
    part = posetrack.write()
    assert sorted(row["annotation_id"] for row in part.persons) == [1001, 1010, 1011]
    [reject] = part.rejects
    assert (reject["source"], bool(reject["location"])) == (SOURCE, True)
    assert reason in reject["reason"]


BROKEN_PARTS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "head box": (
        lambda v: v.persons[0].update(bbox_head=[1, 1, 0, 0]),
        "person 1000 bbox_head",
        "expected a positive width and height",
    ),
    "tags": (lambda v: v.document.update(tags="crossing"), "tags", 'expected a list of words, got "crossing"'),
    "is_labeled": (lambda v: v.images[0].update(is_labeled="yes"), "frame 100 is_labeled", "expected 0, 1, true or"),
    "ignore regions": (lambda v: v.images[0].update(ignore_regions_x=[]), "frame 100 ignore_regions", "as many lists"),
    "one ignore region": (
        lambda v: v.images[0].update(ignore_regions_x=[[1, 2]]),
        "frame 100 ignore_regions[0]",
        "at least 3 corners",
    ),
    "a corner": (
        lambda v: v.images[0].update(ignore_regions_x=[[1, 2, math.nan]]),
        "frame 100 ignore_regions[0]",
        "at least 3 corners",
    ),
}


@pytest.mark.parametrize("case", BROKEN_PARTS)
def test_a_broken_part_is_rejected_and_all_persons_stay(case: str, posetrack: Any) -> None:
    spoil, location, reason = BROKEN_PARTS[case]
    spoil(posetrack)
    part = posetrack.write()
    assert len(part.persons) == 4
    assert len(part.frames[posetrack.name]) == 3
    [reject] = part.rejects
    assert reject["location"] == location
    assert reason in reject["reason"]


def _file(video: Any, index: int) -> Path:
    path: Path = video.root / video.images[index]["file_name"]
    return path


BROKEN_FRAMES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "missing": (lambda v: _file(v, 0).unlink(), "expected the picture 000000.png, got No such file"),
    "truncated": (lambda v: _file(v, 0).write_bytes(_file(v, 0).read_bytes()[:-9]), "expected a whole JPEG or PNG"),
    "of another size": (lambda v: v.repaint(0), "expected 64x48 as most frames have, got 32x24"),
    "name leaves the root": (lambda v: v.images[0].update(file_name="../../../etc/passwd"), "stays below"),
    "name missing": (lambda v: v.images[0].pop("file_name"), "expected a file name"),
    "in another folder": (lambda v: v.images[0].update(file_name="images/train/other/0.png"), "as most have"),
}


@pytest.mark.parametrize("case", BROKEN_FRAMES)
def test_a_broken_frame_is_rejected_with_its_persons_and_the_rest_is_renumbered(
    case: str, posetrack: Any, picture_file: Any, paint: Any
) -> None:
    posetrack.repaint = lambda index: picture_file(_file(posetrack, index), paint(0, width=32, height=24))
    spoil, reason = BROKEN_FRAMES[case]
    spoil(posetrack)
    part = posetrack.write()
    assert [(row["frame_index"], row["image_id"]) for row in part.frames[posetrack.name]] == [(0, 101), (1, 102)]
    assert {row["annotation_id"] for row in part.persons} == {1010, 1011}
    assert part.videos[0]["frame_count"] == 2
    [reject] = part.rejects
    assert reason in reject["reason"]


def test_without_any_whole_picture_the_video_is_rejected(posetrack: Any) -> None:
    for index in range(3):
        _file(posetrack, index).unlink()
    part = posetrack.write()
    assert (part.videos, part.frames, part.persons) == ([], {}, [])
    assert part.rejects[0]["location"] == ""
    assert "expected whole pictures of 3 frames" in part.rejects[0]["reason"]


BROKEN_FILES: dict[str, tuple[object, str]] = {
    "not JSON": (b"{", "expected JSON"),
    "empty": (b"", "expected JSON"),
    "detections": ([{"image_id": 1, "bbox": [0, 0, 1, 1], "score": 1}], "expected an object with images"),
    "a number": (3, "expected an object with images"),
    "without images": ({"annotations": [], "categories": []}, "categories: expected one category"),
    "without frames": ({"images": [], "annotations": []}, "categories"),
    "COCO's names": (
        {"images": [], "annotations": [], "categories": [{"name": "person", "keypoints": ["nose", "left_eye"]}]},
        "(head_bottom is missing)",
    ),
    "broken PoseTrack17": ({"annolist": 3}, "annolist"),
}


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_broken_file_is_rejected_and_the_other_videos_stay(case: str, posetrack: Any, json_file: Any) -> None:
    content, reason = BROKEN_FILES[case]
    path = posetrack.root / "annotations/val/000002_mpii_test.json"
    json_file(path, None if isinstance(content, bytes) else content)
    if isinstance(content, bytes):
        path.write_bytes(content)
    part = posetrack.write()
    assert [row["video_id"] for row in part.videos] == [posetrack.name]
    [reject] = part.rejects
    assert (reject["source"], reject["location"]) == ("posetrack/annotations/val/000002_mpii_test.json", "")
    assert reason in reject["reason"]
    assert str(posetrack.data) not in reject["reason"]


def test_the_same_video_in_both_splits_is_taken_once(posetrack: Any) -> None:
    posetrack.write("val")
    part = posetrack.write("train")
    assert [row["split"] for row in part.videos] == ["train"]
    assert "expected a video name of its own" in part.rejects[0]["reason"]


def test_json_that_lies_elsewhere_is_reported(posetrack: Any, json_file: Any) -> None:
    json_file(posetrack.root / "annotations/test_detections.json", [])
    json_file(posetrack.root / "annotations/train2/000009_mpii.json", {})
    reasons = {reject["source"]: reject["reason"] for reject in posetrack.write().rejects}
    assert "another JSON; not read" in reasons["posetrack/annotations/test_detections.json"]
    assert "1 files of another" in reasons["posetrack/annotations/train2"]


def test_posetrack17_files_are_read_as_the_scorer_reads_them(
    tmp_path: Path, json_file: Any, picture_file: Any, paint: Any
) -> None:
    name = "images/bonn_mpii_test/00098_mpii/00000002.png"
    picture_file(tmp_path / "posetrack" / name, paint(0))
    point = {"id": [13], "x": [20.5], "y": [30.0], "is_visible": [1]}
    other = {"id": [0], "x": [22.0], "y": [40.0], "is_visible": [1]}
    rect = {"x1": [18], "y1": [20], "x2": [24], "y2": [26], "track_id": [4], "annopoints": [{"point": [point, other]}]}
    frame = {"image": [{"name": name}], "imgnum": [2], "is_labeled": [1], "annorect": [rect]}
    json_file(tmp_path / "posetrack/annotations/val/00098_mpii.json", {"annolist": [frame]})
    part = joined(read_posetrack(tmp_path))
    assert part.rejects == []
    [person] = part.persons
    assert person["track_id"] == 4
    assert sum(person["visibility"]) == 4
    nose, ankle = POSETRACK_KEYPOINTS.index("nose"), POSETRACK_KEYPOINTS.index("right_ankle")
    assert (person["x"][nose], person["y"][nose], person["x"][ankle]) == (20.5, 30.0, 22.0)
    assert part.videos[0]["labelled_frame_count"] == 1
