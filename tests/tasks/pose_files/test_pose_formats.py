"""Every format of pose files gives the same person in the same frames."""

import json

import numpy as np
import pytest

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.errors import FieldError
from tasks.formats.pose_files.keypoint_names import canonical_name
from tasks.formats.pose_files.posetrack_keypoints import posetrack_keypoints
from tasks.formats.pose_files.registry import FORMATS, read_poses
from tasks.formats.pose_files.source import PoseSource
from tasks.formats.pose_files.video_frames import match_frames
from tests.tasks.pose_files.conftest import EXAMPLES

VIDEO = {"video_id": "street", "source": None, "width": 200, "height": 400}
ROWS = [{"frame_index": f, "image_id": f + 1, "path": None, "file_name": f"street/{f:06d}.jpg"} for f in range(3)]


def test_the_format_is_found_out_from_the_content(example):
    name, path = example
    assert read_poses(path).format_name == name


def test_every_format_gives_the_same_keypoints_in_the_same_frames(example, true_point):
    name, path = example
    file = read_poses(path, name)
    match = match_frames(file, VIDEO, ROWS)
    assert [match.frame_of(pose.key) for pose in file.poses] == [0, 2]
    keypoints = posetrack_keypoints(file.names, np.stack([pose.keypoints for pose in file.poses]))
    keypoints[..., :2] *= (200, 400) if file.is_relative else (1, 1)
    for frame, values in zip((0, 2), keypoints, strict=True):
        for part in ("nose", "left_shoulder", "right_ankle", "left_wrist", "right_wrist"):
            expected = true_point(part, frame)
            np.testing.assert_allclose(values[POSETRACK_KEYPOINTS.index(part)], expected, rtol=1e-6, err_msg=part)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "openpose"])
def test_a_named_format_that_does_not_fit_is_refused_with_the_path(written, name):
    path = written("openpose BODY_25")
    with pytest.raises(InputError, match=str(path)):
        read_poses(path, name)


@pytest.mark.parametrize(
    ("written_name", "expected"),
    [
        ("nose", "nose"),
        ("left_shoulder", "left_shoulder"),
        ("LShoulder", "left_shoulder"),
        ("leftShoulder", "left_shoulder"),
        ("Left Shoulder", "left_shoulder"),
        ("shoulder-left", "left_shoulder"),
        ("r_ankle", "right_ankle"),
        ("rankle", "right_ankle"),
        ("RAnkle", "right_ankle"),
        ("Neck", "head_bottom"),
        ("upper_neck", "head_bottom"),
        ("head", "head_top"),
        ("left_eye_inner", "left_eye_inner"),
        ("tail", "tail"),
    ],
)
def test_names_are_brought_to_one_spelling(written_name, expected):
    assert canonical_name(written_name) == expected


def pose(**points):
    """Keypoints (1,17,3) in COCO's order; the others are missing."""
    return np.array([[points.get(name, (0, 0, 0)) for name in COCO_KEYPOINTS]], dtype=float)


def test_the_head_follows_from_shoulders_and_nose_with_the_lowest_of_their_scores():
    head = posetrack_keypoints(
        COCO_KEYPOINTS, pose(nose=(50, 40, 0.9), left_shoulder=(60, 60, 0.8), right_shoulder=(40, 60, 0.3))
    )
    named = dict(zip(POSETRACK_KEYPOINTS, head[0].tolist(), strict=True))
    assert named["head_bottom"] == [50, 60, 0.3]
    assert named["head_top"] == pytest.approx([50, 24, 0.3])


def test_without_a_nose_or_a_shoulder_the_head_is_missing():
    shoulders = {"left_shoulder": (60, 60, 0.8), "right_shoulder": (40, 60, 0.3)}
    without_nose = posetrack_keypoints(COCO_KEYPOINTS, pose(**shoulders))[0]
    assert without_nose[POSETRACK_KEYPOINTS.index("head_bottom"), 2] == 0.3
    assert without_nose[POSETRACK_KEYPOINTS.index("head_top")].tolist() == [0, 0, 0]
    one_shoulder = posetrack_keypoints(COCO_KEYPOINTS, pose(nose=(50, 40, 0.9), left_shoulder=(60, 60, 0.8)))[0]
    assert one_shoulder[POSETRACK_KEYPOINTS.index("head_bottom")].tolist() == [0, 0, 0]


def test_head_keypoints_of_the_file_are_kept():
    names = ("nose", "neck", "head", "left_shoulder", "right_shoulder")
    pose = posetrack_keypoints(names, np.array([[(5, 5, 1), (6, 9, 0.5), (7, 1, 0.4), (1, 9, 1), (9, 9, 1)]], float))
    assert pose[0, POSETRACK_KEYPOINTS.index("head_bottom")].tolist() == [6, 9, 0.5]
    assert pose[0, POSETRACK_KEYPOINTS.index("head_top")].tolist() == [7, 1, 0.4]


def test_names_without_a_keypoint_of_the_body_are_refused():
    with pytest.raises(FieldError, match="expected names such as left_shoulder"):
        posetrack_keypoints(("snout", "tailbase"), np.ones((1, 2, 3)))


def results(tmp_path, *keypoints):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"frame_index": 0, "keypoints": row, "score": 7} for row in keypoints]))
    return path


def test_visibilities_count_as_scores_and_nothing_is_above_one(tmp_path):
    [pose] = read_poses(results(tmp_path, [9, 9, 2] + [8, 8, 1.2] + [7, 7, 0.5] + [0, 0, 2] + [6, 6, -1] * 13)).poses
    assert pose.keypoints[:5].tolist() == [[9, 9, 1], [8, 8, 1], [7, 7, 0.5], [0, 0, 0], [0, 0, 0]]
    assert pose.score == 1


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("is_nested", [True, False])
def test_keypoints_may_be_lists_of_their_own_and_17_may_have_no_scores(tmp_path, size, is_nested):
    rows = [[0.0, 0.0, 0.0], *([10.0 + place, 20.0, 1.0] for place in range(16))]
    written = [row[:size] for row in rows]
    [pose] = read_poses(results(tmp_path, written if is_nested else [value for row in written for value in row])).poses
    assert pose.keypoints.tolist() == rows


def test_persons_that_cannot_be_read_are_counted_and_the_first_is_named(tmp_path):
    file = read_poses(results(tmp_path, [1, 2], [1, 1, 1] * 17, ["a"] * 51))
    assert len(file.poses) == 1
    [reject] = file.rejects
    assert reject["location"] == "frame 0, person 0"
    assert reject["reason"].endswith("(2 of 3 persons like this)")
    with pytest.raises(InputError, match="none of 1 persons can be read; the first, frame 0, person 0: keypoints"):
        read_poses(results(tmp_path, [1, 2]))


BOX = {"bbox": [10, 20, 30, 40]}
CORNERS = {"x1": 10, "y1": 20, "x2": 40, "y2": 60}


@pytest.mark.parametrize(
    ("name", "add"),
    [
        ("coco-results", lambda document: [person.update(BOX) for person in document]),
        ("alphapose", lambda document: [person.update(box=[10, 20, 30, 40]) for person in document]),
        (
            "mmpose",
            lambda document: [
                person.update(bbox=[[10, 20, 40, 60]])
                for frame in document["instance_info"]
                for person in frame["instances"]
            ],
        ),
        ("ultralytics", lambda document: [person.update(box=CORNERS) for frame in document for person in frame]),
    ],
)
def test_a_box_of_the_file_goes_with_its_pose(written, name, add):
    path = written(name)
    document = json.loads(path.read_text())
    add(document)
    path.write_text(json.dumps(document))
    assert [pose.box_xywh.tolist() for pose in read_poses(path, name).poses] == [[10, 20, 30, 40]] * 2


@pytest.mark.parametrize("box", [[10, 20, 0, 40], [10, 20, 30], [None, 1, 2, 3], "wide", [1e400, 1, 2, 3]])
def test_a_box_that_is_none_costs_no_pose(written, box):
    path = written("coco-results")
    document = json.loads(path.read_text())
    path.write_text(json.dumps([person | {"bbox": box} for person in document]))
    assert [pose.box_xywh for pose in read_poses(path).poses] == [None, None]


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_other_format_takes_a_file_for_its_own(tmp_path, name):
    path = EXAMPLES[name](tmp_path)
    taken_by = [entry.name for entry in FORMATS.values() if entry.recognises(PoseSource(path))]
    # AlphaPose writes COCO's results with more fields: they are read as such too, once the name says so
    also = ["coco-results"] if name in ("alphapose", "alphapose Halpe-26") else []
    assert taken_by == [name.split(" ")[0], *also]
