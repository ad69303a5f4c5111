"""Small real media for the tests of tasks/."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from tasks.formats.coco_corpus import read_coco
from tasks.formats.corpus_part import CorpusPart, joined
from tasks.formats.posetrack_corpus import read_posetrack

FramePainter = Callable[[int], np.ndarray]


def painted(index: int, *, width: int = 64, height: int = 48) -> np.ndarray:
    """A picture that shows its index: a grey gradient with a block whose position and colour move with it."""
    picture = np.full((height, width, 3), 40, dtype=np.uint8)
    picture[:, :, 1] = np.linspace(0, 200, width, dtype=np.uint8)
    left = (3 * index) % (width - 8)
    picture[8:24, left : left + 8] = (250 - index % 200, index % 200, 120)
    return picture


def write_picture(path: Path, picture: np.ndarray) -> Path:
    """Write RGB as the format that the name states."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return path


def write_video(path: Path, count: int, *, width: int = 64, height: int = 48, codec: str = "mpeg4") -> Path:
    """Write `count` painted frames as a video file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size, stream.bit_rate = 12, 2_000_000
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(painted(index, width=width, height=height), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def paint() -> Callable[..., np.ndarray]:
    return painted


@pytest.fixture
def picture_file() -> Callable[[Path, np.ndarray], Path]:
    return write_picture


@pytest.fixture
def video_file() -> Callable[..., Path]:
    return write_video


def write_json(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


class CocoSet:
    """A COCO set of two pictures with one person each, to be broken in one field."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.root = data / "coco_tiny"
        self.image = {"id": 1, "file_name": "a.png", "width": 64, "height": 48}
        self.other_image = {"id": 2, "file_name": "b.png", "width": 64, "height": 48}
        self.person = {
            **{"id": 10, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 30], "area": 300.5, "iscrowd": 0},
            "keypoints": [number for channel in range(17) for number in (10 + channel, 20, channel % 3)],
        }
        self.other_person = self.person | {"id": 11, "image_id": 2}
        self.category = {"id": 1, "name": "person", "keypoints": list(COCO_KEYPOINTS)}
        self.document = {
            "images": [self.image, self.other_image],
            "annotations": [self.person, self.other_person],
            "categories": [self.category],
        }
        for name in ("a.png", "b.png"):
            write_picture(self.root / "images/train2017" / name, painted(3))

    def write(self) -> CorpusPart:
        write_json(self.root / "annotations/person_keypoints_train2017.json", self.document)
        return read_coco(self.data)


class PosetrackVideo:
    """A PoseTrack18 video of three frames, the first two labelled, with two persons each; to be broken."""

    name = "000001_mpii_train"

    def __init__(self, data: Path) -> None:
        self.data, self.root = data, data / "posetrack"
        folder = f"images/train/{self.name}"
        self.images: list[dict[str, Any]] = [
            {
                **{"id": 100 + index, "frame_id": 100 + index, "vid_id": "000001", "nframes": 3},
                **{"file_name": f"{folder}/{index:06d}.png", "is_labeled": index < 2},
                **{"ignore_regions_x": [[0, 4, 4]], "ignore_regions_y": [[0, 0, 4]]},
            }
            for index in range(3)
        ]
        self.persons = [self._person(frame, track) for frame in range(2) for track in range(2)]
        self.document: dict[str, Any] = {
            "images": self.images,
            "annotations": self.persons,
            "categories": [{"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}],
        }
        for index, image in enumerate(self.images):
            write_picture(self.root / image["file_name"], painted(index))

    @staticmethod
    def _person(frame: int, track: int) -> dict[str, Any]:
        body = [number for channel in range(17) for number in (10 + channel, 20 + track, 1)]
        body[9:15] = [0] * 6  # the ears
        return {
            **{"id": 1000 + 10 * frame + track, "image_id": 100 + frame, "track_id": track, "category_id": 1},
            **{"keypoints": body, "bbox": [8, 18, 22, 12], "bbox_head": [10, 18, 4, 4]},
        }

    def write(self, split: str = "train") -> CorpusPart:
        write_json(self.root / f"annotations/{split}/{self.name}.json", self.document)
        return joined(read_posetrack(self.data))


@pytest.fixture
def coco(tmp_path: Path) -> CocoSet:
    return CocoSet(tmp_path)


@pytest.fixture
def posetrack(tmp_path: Path) -> PosetrackVideo:
    return PosetrackVideo(tmp_path)


@pytest.fixture
def json_file() -> Callable[[Path, object], Path]:
    return write_json
