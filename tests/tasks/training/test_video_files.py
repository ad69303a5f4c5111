"""Annotated frames inside a video file are trained on as if they were pictures."""

import importlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tasks.errors import InputError
from tasks.progress import Progress, as_current
from tasks.tables.files import read_table, write_table
from tasks.tables.schemas import FRAMES, VIDEOS
from tasks.training.persons import read_persons
from tasks.training.pictures import PictureLocation, Pictures

WEIGHTS = {"finetune": "pose", "train_siamese": "siamese", "train_reid": "reid"}


@pytest.fixture
def film():
    """Puts all PoseTrack frames of a workspace into one lossless video file per video."""

    def put(workspace) -> None:
        frames, videos = (read_table(table, table.path(workspace.tables)).to_pylist() for table in (FRAMES, VIDEOS))
        for video in videos:
            paths = [workspace.data / row["path"] for row in frames if row["video_id"] == video["video_id"]]
            video["media"] = f"{video['media']}.mkv"
            write_lossless(workspace.data / video["media"], [cv2.imread(str(path)) for path in paths])
            for path in paths:
                path.unlink()
        for row in frames:
            row["path"] = None
        write_table(FRAMES, frames, FRAMES.path(workspace.tables))
        write_table(VIDEOS, videos, VIDEOS.path(workspace.tables))

    return put


def write_lossless(path: Path, pictures: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "bgr0"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def trained(stage: str, workspace, params) -> bytes:
    with as_current(Progress(None, stage)) as progress:
        importlib.import_module(f"tasks.{stage}").run(workspace, params)
    assert progress.notices == []
    return workspace.weights(WEIGHTS[stage]).read_bytes()


def test_they_train_the_weights_that_the_pictures_train(workspace, params, changed, film):
    params = changed(params, "train_siamese", source="posetrack")
    with as_current(Progress(None, "pretrain")):
        importlib.import_module("tasks.pretrain").run(workspace, params)
    by_pictures = {stage: trained(stage, workspace, params) for stage in WEIGHTS}
    film(workspace)
    workspace.state.rename(workspace.state.with_name("elsewhere"))
    for stage, weights in by_pictures.items():
        workspace.weights(WEIGHTS[stage]).unlink()
        assert trained(stage, workspace, params) == weights, stage


def test_a_frame_is_the_same_in_whatever_order_they_are_drawn(workspace, film):
    persons = read_persons(workspace.tables, "posetrack", "train")
    expected = [Pictures(workspace.data, persons.locations)[number] for number in range(8)]
    film(workspace)
    locations = read_persons(workspace.tables, "posetrack", "train").locations + (
        read_persons(workspace.tables, "posetrack", "val").locations
    )
    pictures = Pictures(workspace.data, locations)
    for number in (5, 9, 2, 7, 15, 0, 6):
        if number < 8:
            np.testing.assert_array_equal(pictures[number], expected[number])
        else:
            assert not np.array_equal(pictures[number], expected[number - 8]), "of the other video"


def test_a_video_file_that_broke_since_it_was_indexed_is_named(workspace, film):
    film(workspace)
    locations = read_persons(workspace.tables, "posetrack", "train").locations
    (workspace.data / locations[0].path).write_bytes(b"no video")
    with pytest.raises(InputError, match=r"v1\.mkv frame 3: expected a readable picture, as when it was indexed"):
        Pictures(workspace.data, locations)[3]


def test_a_picture_is_upright_as_a_person_sees_it(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    written = cv2.imencode(".jpg", picture)[1].tobytes()
    turned = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(turned) + 2).to_bytes(2, "big") + turned
    (tmp_path / "turned.jpg").write_bytes(written[:2] + segment + written[2:])
    assert Pictures(tmp_path, [PictureLocation("turned.jpg")])[0].shape == (60, 40, 3)
