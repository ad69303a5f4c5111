"""Which frame of a video a pose in a file belongs to."""

import pytest

from tasks.formats.pose_files.records import PoseFile
from tasks.formats.pose_files.video_frames import match_frames

FILE = {"video_id": "street", "source": None}
ANNOTATED = {"video_id": "000001_mpii", "source": "posetrack/annotations/val/000001_mpii.json"}


def rows(count, *, path=None, first_id=1):
    return [
        {
            **{"frame_index": f, "image_id": first_id + f, "file_name": f"images/val/000001_mpii_test/{f + 5:06d}.jpg"},
            "path": path.format(f) if path else None,
        }
        for f in range(count)
    ]


def match(numbering, keys, video, frames, *, habit=None):
    file = PoseFile("x", (), numbering, tuple(keys), (), first_number=habit)
    frame_match = match_frames(file, video, frames)
    return [frame_match.frame_of(key) for key in keys], frame_match.rule


@pytest.mark.parametrize(
    ("numbering", "keys", "habit", "expected", "rule"),
    [
        ("frame_index", [1, 2, 4], None, [1, 2, None], "frames by their index from 0"),
        ("order", [0, 1], None, [0, 1], "frames by their order in the file"),
        ("image", [0, 3], None, [0, 3], "counted from 0"),
        ("image", [1, 4], None, [0, 3], "counted from 1"),
        ("image", [1, 3], None, [0, 2], "counted from 1"),
        ("image", [2, 3], None, [2, 3], "counted from 0"),
        ("image", [1, 3], 0, [1, 3], "counted from 0"),
        ("image", [2, 3], 1, [1, 2], "counted from 1"),
        ("image", ["clip2_0.jpg", "clip2_3.jpg"], None, [0, 3], "counted from 0"),
        ("image", ["street_000000000002_keypoints"], 0, [2], "counted from 0"),
        ("image", ["first", "second"], None, [0, 1], "frames by their order in the file"),
    ],
)
def test_frames_of_a_video_file(numbering, keys, habit, expected, rule):
    matched, words = match(numbering, keys, FILE, rows(4), habit=habit)
    assert matched == expected
    assert rule in words


def test_frames_of_a_folder_are_known_by_the_names_and_numbers_of_their_pictures():
    frames = rows(3, path="videos/street/img_{:03d}.jpg")
    assert match("image", ["img_002.png", "img_007.png"], FILE, frames) == (
        [2, None],
        "frames by the names of their pictures",
    )
    later = [row | {"path": f"videos/street/{row['frame_index'] + 100}.jpg"} for row in frames]
    assert match("image", [100, 102], FILE, later) == ([0, 2], "frames by the numbers in their pictures' names")


def test_a_picture_that_was_rejected_does_not_shift_the_frames_after_it():
    frames = [row | {"image_id": row["image_id"] + (row["frame_index"] > 0)} for row in rows(3)]
    assert match("frame_index", [0, 1, 2, 3], FILE, frames)[0] == [0, None, 1, 2]


def test_frames_of_an_annotated_video_are_known_by_picture_and_by_image_id():
    frames = rows(3, path="posetrack/images/val/000001_mpii_test/{:06d}.jpg", first_id=900)
    assert match("image", ["x/000006.jpg"], ANNOTATED, frames) == ([1], "frames by the names of their pictures")
    assert match("image", [902, 17], ANNOTATED, frames) == ([2, None], "frames by image_id")
