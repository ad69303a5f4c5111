"""Poses of a corpus: which file belongs to which video, and what becomes of the rest."""

import json

import numpy as np
import pytest

from models.keypoints import COCO_KEYPOINTS
from models.poses.boxes import box_around
from tasks.formats.corpus_part import CorpusPart
from tasks.formats.pose_files.corpus import read_corpus_poses


def part(*names, source=None, frames=4):
    corpus = CorpusPart()
    for name in names:
        corpus.videos.append({"video_id": name, "source": source, "width": 100, "height": 100})
        corpus.frames[name] = [
            {
                **{"video_id": name, "frame_index": f, "image_id": f + 1 + (1000 * names.index(name) if source else 0)},
                **{"path": None, "file_name": f"{name}/{f}.jpg"},
            }
            for f in range(frames)
        ]
    return corpus


def write(path, frames, *, field="frame_index", keypoint=(10, 20, 1)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{field: f, "keypoints": list(keypoint) * len(COCO_KEYPOINTS)} for f in frames]))


def of(poses):
    return [(row["video_id"], row["frame_index"], row["file_pose_id"]) for row in poses.rows]


def test_files_belong_to_the_videos_that_they_are_named_after(tmp_path):
    for name in ("a.json", "a.b.json", "cDLC_resnet.json"):
        write(tmp_path / "poses" / name, [0])
    poses = read_corpus_poses(tmp_path, part("a", "a.b", "c"), "auto")
    assert sorted(of(poses)) == [("a", 0, 0), ("a.b", 0, 0), ("c", 0, 0)]
    assert poses.rejects == []
    assert poses.notices == ["poses from files: 3 read as coco-results, frames by their index from 0"]


def test_poses_lie_in_folders_like_those_of_the_videos(tmp_path):
    for name in ("day/street.json", "night/street.json", "square.json"):
        write(tmp_path / "poses" / name, [0])
    poses = read_corpus_poses(tmp_path, part("day/street", "night/street", "night/square"), "auto")
    assert sorted(row["video_id"] for row in poses.rows) == ["day/street", "night/square", "night/street"]
    assert poses.rejects == []


def test_poses_of_a_name_that_two_videos_have_are_rejected(tmp_path):
    write(tmp_path / "poses" / "street.json", [0])
    poses = read_corpus_poses(tmp_path, part("day/street", "night/street"), "auto")
    assert poses.rows == []
    assert (
        "got that of day/street and night/street; lay it in a folder like poses/day/street.json"
        in (poses.rejects[0]["reason"])
    )


def test_the_poses_of_a_single_video_may_have_any_name(tmp_path):
    write(tmp_path / "poses" / "results.json", [3, 1, 1])
    assert of(read_corpus_poses(tmp_path, part("street"), "auto")) == [
        ("street", 1, 0),
        ("street", 1, 1),
        ("street", 3, 2),
    ]


def test_a_folder_of_frames_is_one_file_of_a_single_video(tmp_path):
    for frame in range(3):
        people = [{"pose_keypoints_2d": [5, 6, 1] * 25}]
        path = tmp_path / "poses" / f"{frame:06d}_keypoints.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"people": people}))
    assert of(read_corpus_poses(tmp_path, part("street"), "auto")) == [("street", f, f) for f in range(3)]


def test_one_file_may_hold_all_annotated_videos_by_image_id(tmp_path):
    write(tmp_path / "poses" / "results.json", [2, 1003], field="image_id")
    poses = read_corpus_poses(tmp_path, part("a", "b", source="posetrack/annotations/val/x.json"), "auto")
    assert of(poses) == [("a", 1, 0), ("b", 2, 0)]
    assert poses.rejects == []


@pytest.mark.parametrize(
    ("write_file", "reason"),
    [
        (
            lambda path: write(path, [0, 7, 9]),
            "got 1 that can be used: 2 of 3 are of frames that the video does not have",
        ),
        (
            lambda path: write(path, [0], keypoint=(1, 1, 0)),
            "got 0 that can be used: 1 of 1 have no keypoint of the body",
        ),
        (lambda path: path.write_text("[]"), "expected poses in a known format"),
        (lambda path: path.write_text('{"images": [], "annotations": []}'), "got 0 that can be used: it holds none"),
        (lambda path: path.write_bytes(b"a\x00b"), "neither UTF-8 nor UTF-16"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_counts(tmp_path, write_file, reason):
    (tmp_path / "poses").mkdir()
    write_file(tmp_path / "poses" / "street.json")
    [reject] = read_corpus_poses(tmp_path, part("street"), "auto").rejects
    assert reject["source"] == "poses/street.json"
    assert reason in reject["reason"]


def test_poses_that_fit_only_the_picture_without_its_rotation_are_not_taken(tmp_path):
    corpus = part("street")
    corpus.videos[0] |= {"width": 48, "height": 64}
    write(tmp_path / "poses" / "street.json", [0, 1], keypoint=(60, 20, 1))
    poses = read_corpus_poses(tmp_path, corpus, "auto")
    assert poses.rows == []
    [reject] = poses.rejects
    assert reject["reason"] == (
        "expected poses in the picture of 48x64 that a person sees, got 2 that fit only 64x48, the picture without "
        "its rotation; find them in the upright picture"
    )


def test_a_file_of_no_video_and_a_second_file_of_a_video_are_rejected(tmp_path):
    for name in ("a.json", "a.more.json", "other.json"):
        write(tmp_path / "poses" / name, [0])
    poses = read_corpus_poses(tmp_path, part("a", "b"), "auto")
    assert of(poses) == [("a", 0, 0)]
    assert {row["source"]: row["reason"] for row in poses.rejects} == {
        "poses/a.more.json": "expected one file of poses for each video, got another one of a",
        "poses/other.json": "expected the name of a video of the corpus, such as NAME.json, got another name",
    }


def test_boxes_are_the_extent_of_the_keypoints_with_a_margin():
    assert box_around(np.array([[10.0, 20.0], [30.0, 80.0]])).tolist() == [7.0, 11.0, 26.0, 78.0]
    assert box_around(np.array([[10.0, 20.0]])).tolist() == [9.0, 19.0, 2.0, 2.0]
