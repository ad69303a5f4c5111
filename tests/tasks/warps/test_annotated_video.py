"""Which picture belongs to which annotated frame, in folders and files, and the errors for bad input."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tasks.errors import InputError
from tasks.formats.posetrack_conversion import posetrack17_from_18
from tasks.warps.annotated_video import AnnotatedVideo, read_annotated_video
from tasks.warps.propagators import load_network


def as_video(folder: Path, target: Path) -> Path:
    with av.open(str(target), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 160, 128, "yuv420p", 4_000_000
        for path in sorted(folder.iterdir()):
            picture = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return target


def facts(video: AnnotatedVideo) -> list[tuple[int, list[int], list[float]]]:
    frames = video.frames.items()
    return [(index, frame.poses.pose_id.tolist(), frame.poses.xy[0, 0].tolist()) for index, frame in frames]


def test_folder_root_and_video_file_are_the_same_video(scene: Any, tmp_path: Path) -> None:
    wall = scene(count=3)
    video = as_video(wall.folder, tmp_path / "wall.mp4")
    ways = [read_annotated_video(frames, wall.annotations) for frames in (wall.folder, wall.root, video)]
    assert facts(ways[0]) == facts(ways[1]) == facts(ways[2])
    for index in range(3):
        folder, root, decoded = (video.pictures.frame(index).astype(int) for video in ways)
        assert (folder == root).all()
        assert np.abs(folder - decoded).mean() < 12
    assert [index for index, _, _ in facts(ways[0])] == [0, 1, 2]


def test_in_a_video_file_a_sparse_list_goes_by_the_numbers_in_its_names(scene: Any, tmp_path: Path) -> None:
    wall = scene(count=4)
    wall.document["images"] = wall.document["images"][1::2]
    wall.document["annotations"] = [wall.person(1), wall.person(3)]
    video = as_video(wall.folder, tmp_path / "wall.mp4")
    video = read_annotated_video(video, wall.write().annotations)
    assert list(video.frames) == [1, 3]
    assert not video.rejects


def test_posetrack17_is_read_too(scene: Any) -> None:
    wall = scene(count=3)
    before = facts(read_annotated_video(wall.folder, wall.annotations))
    wall.document = posetrack17_from_18("wall.json", wall.document)
    assert facts(read_annotated_video(wall.folder, wall.write().annotations)) == before


def test_a_head_is_0_6_of_its_diagonal_and_channels_are_found_by_name(scene: Any) -> None:
    wall = scene(count=1)
    names = wall.document["categories"][0]["keypoints"]
    points = np.array(wall.person(0)["keypoints"]).reshape(17, 3)
    wall.document["categories"] = [dict(wall.document["categories"][0], keypoints=names[::-1])]
    wall.person(0)["keypoints"] = points[::-1].ravel().tolist()
    frame = read_annotated_video(wall.folder, wall.write().annotations).frames[0]
    assert frame.head_size.tolist() == [30.0]
    assert frame.poses.xy[0].tolist() == points[:, :2].tolist()
    assert frame.poses.score[0].tolist() == [1, 1, 1, 0, 0] + [1] * 12


def broken(change: Callable[[Any], object]) -> Callable[[Any], Any]:
    def broke(wall: Any) -> Any:
        change(wall)
        return wall.write()

    return broke


ONE_IS_BROKEN = {
    "no track_id": (lambda wall: wall.person(1).pop("track_id"), "annotations[1]: track_id: expected a whole number"),
    "an unknown image": (
        lambda wall: wall.person(1).update(image_id=77),
        "annotations[1]: image_id: expected the id of an image of the file, got 77",
    ),
    "50 values": (lambda wall: wall.person(1)["keypoints"].pop(), "annotations[1]: keypoints: expected 51 numbers"),
    "one track twice": (
        lambda wall: wall.document["annotations"].append(wall.person(1) | {"id": 999}),
        "annotations[3]: track_id: expected an identity once in a frame, got 1",
    ),
    "a flat head box": (
        lambda wall: wall.person(1).update(bbox_head=[1, 1, 0, 9]),
        "annotations[1]: bbox_head: expected a positive width and height",
    ),
    "no picture": (
        lambda wall: (wall.folder / "000001.png").unlink(),
        "images[1]: expected the picture 000001.png in",
    ),
}


@pytest.mark.parametrize(("change", "message"), ONE_IS_BROKEN.values(), ids=ONE_IS_BROKEN.keys())
def test_what_is_broken_is_rejected_with_its_location(scene: Any, change: Any, message: str) -> None:
    wall = broken(change)(scene(count=3))
    video = read_annotated_video(wall.folder, wall.annotations)
    assert len(video.rejects) == 1
    assert f"wall.json {message}" in video.rejects[0]
    assert {0, 2} <= set(video.frames)


def text_file(wall: Any) -> Path:
    (wall.root / "notes.txt").write_text("nothing")
    return wall.root / "notes.txt"


def empty_folder(wall: Any) -> Path:
    (wall.root / "empty").mkdir()
    return wall.root / "empty"


def no_video(wall: Any) -> Path:
    (wall.root / "wall.mp4").write_bytes(b"no video")
    return wall.root / "wall.mp4"


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (lambda wall: wall.root / "nowhere", "nowhere: expected a video file or a folder of pictures, got nothing"),
        (text_file, r"notes\.txt: expected a video \(.*\.wmv, .*\) or a folder of pictures"),
        (empty_folder, r"empty: expected pictures \(\.jpg, \.png\) of the annotation, got none"),
        (no_video, r"wall\.mp4: expected a video that decodes, got"),
    ],
)
def test_frames_that_are_none_give_one_error(scene: Any, frames: Any, message: str) -> None:
    wall = scene(count=1)
    with pytest.raises(InputError, match=message):
        read_annotated_video(frames(wall), wall.annotations)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"wall\.json: expected JSON"),
        ("[]", r"wall\.json: file: expected an object with images, annotations and categories"),
        ('{"annotations": [], "categories": []}', r"wall\.json: images: expected a list, got nothing"),
        (
            json.dumps({"images": [], "annotations": [], "categories": [{"name": "person", "keypoints": ["nose"]}]}),
            r"categories\.keypoints: expected each of nose, head_bottom",
        ),
    ],
)
def test_annotations_that_are_none_give_one_error(scene: Any, text: str, message: str) -> None:
    wall = scene(count=1)
    wall.annotations.write_text(text)
    with pytest.raises(InputError, match=message):
        read_annotated_video(wall.folder, wall.annotations)


def test_annotations_of_another_video_give_one_error(scene: Any) -> None:
    wall = scene(count=2)
    for image in wall.document["images"]:
        image["file_name"] = image["file_name"].replace("00000", "10000")
    with pytest.raises(InputError, match=r"expected persons with track_id and keypoints in .*the first reject"):
        read_annotated_video(wall.folder, wall.write().annotations)


def test_a_folder_without_weights_is_refused_with_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"correspondence\.safetensors or siamese\.safetensors, got neither; train them"
    ):
        load_network(tmp_path)
