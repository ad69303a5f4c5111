"""Small real media for the tests of tasks/."""

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models.keypoints import POSETRACK_KEYPOINTS

FramePainter = Callable[[int], np.ndarray]


def painted(index: int, *, width: int = 64, height: int = 48) -> np.ndarray:
    """A picture that tells its index: a grey gradient with a block whose place and colour move with it."""
    picture = np.full((height, width, 3), 40, dtype=np.uint8)
    picture[:, :, 1] = np.linspace(0, 200, width, dtype=np.uint8)
    left = (3 * index) % (width - 8)
    picture[8:24, left : left + 8] = (250 - index % 200, index % 200, 120)
    return picture


def write_picture(path: Path, picture: np.ndarray) -> Path:
    """Write RGB as the format that the name tells."""
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


@pytest.fixture
def posetrack_category() -> dict[str, object]:
    return {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(POSETRACK_KEYPOINTS)}
