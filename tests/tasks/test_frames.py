"""Frames of folders and video files: the right picture, the right colours, the right error."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tasks.frames import FrameError, VideoFile, VideoFrames, decode_picture, decoded_frames, read_picture
from tasks.paths import below


def _folder(root: Path, count: int, paint: Any, picture_file: Any) -> VideoFrames:
    names = [f"clips/a/{index:06d}.png" for index in range(count)]
    for index, name in enumerate(names):
        picture_file(root / name, paint(index))
    rows = [{"frame_index": index, "path": name} for index, name in enumerate(names)]
    return VideoFrames(root, {"media": "clips/a", "frame_count": count}, rows)


def _video(root: Path, name: str, count: int) -> VideoFrames:
    rows = [{"frame_index": index, "path": None} for index in range(count)]
    return VideoFrames(root, {"media": name, "frame_count": count}, rows)


def test_a_folder_gives_its_pictures_as_rgb(tmp_path: Path, paint: Any, picture_file: Any) -> None:
    frames = _folder(tmp_path, 4, paint, picture_file)
    assert len(frames) == 4
    for index, picture in frames.read([3, 0, 2]):
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, paint(index))


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mov", "a.mkv"])
def test_a_video_file_gives_every_frame_in_order(name: str, tmp_path: Path, paint: Any, video_file: Any) -> None:
    video_file(tmp_path / name, 20)
    frames = _video(tmp_path, name, 20)
    for index, picture in frames.read(range(20)):
        assert picture.shape == (48, 64, 3)
        unlike = [np.abs(picture.astype(int) - paint(other)).mean() for other in range(20)]
        assert np.argmin(unlike) == index  # lossy, but no other frame is so near


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
def test_a_frame_has_the_same_bytes_however_it_is_reached(codec: str, tmp_path: Path, video_file: Any) -> None:
    path = video_file(tmp_path / "a.mp4", 130, codec=codec)
    in_order = [frame.to_ndarray(format="rgb24") for frame in decoded_frames(path)]
    assert len(in_order) == 130
    reached = VideoFile(path, 130)
    for index in (129, 0, 60, 61, 95, 94, 34, 33, 33, 128, 1):
        np.testing.assert_array_equal(reached.frame(index), in_order[index])


def test_a_file_that_decodes_to_fewer_frames_than_stored_is_read_from_its_start(
    tmp_path: Path, video_file: Any
) -> None:
    path = video_file(tmp_path / "a.mp4", 100)
    in_order = [frame.to_ndarray(format="rgb24") for frame in decoded_frames(path)]
    np.testing.assert_array_equal(VideoFile(path, 99).frame(90), in_order[90])


@pytest.mark.parametrize(("mode", "shape"), [("gray", (8, 9)), ("alpha", (8, 9, 4)), ("deep", (8, 9, 3))])
def test_other_pictures_become_rgb_bytes(mode: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    kind = np.uint16 if mode == "deep" else np.uint8
    cv2.imwrite(str(tmp_path / "a.png"), np.full(shape, np.iinfo(kind).max, dtype=kind))
    picture = read_picture(tmp_path / "a.png")
    assert (picture.shape, picture.dtype, picture.min()) == ((8, 9, 3), np.uint8, 255)


def test_an_orientation_tag_is_obeyed(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    tag = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # rotate by 90 degrees
    turned = jpeg[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (30, 20, 3)
    assert decode_picture(turned).shape == (30, 20, 3)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.98])
@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_a_truncated_picture_is_refused(ending: str, share: float, paint: Any) -> None:
    whole = cv2.imencode(ending, paint(0))[1].tobytes()
    decode_picture(whole)
    with pytest.raises(ValueError, match="expected a whole JPEG or PNG"):
        decode_picture(whole[: int(share * len(whole))])


def test_errors_name_file_frame_and_reason(tmp_path: Path, paint: Any, picture_file: Any, video_file: Any) -> None:
    frames = _folder(tmp_path, 3, paint, picture_file)
    (tmp_path / "clips/a/000001.png").unlink()
    (tmp_path / "clips/a/000002.png").write_text("no picture")
    for index, reason in ((1, "No such file"), (2, "do not decode"), (3, "which has 3")):
        with pytest.raises(FrameError, match=rf"clips/a.* frame {index}: .*{reason}"):
            frames.frame(index)
    video_file(tmp_path / "b.mp4", 10)
    with pytest.raises(FrameError, match=r"b\.mp4 frame 12: .*end of the file"):
        _video(tmp_path, "b.mp4", 20).frame(12)
    (tmp_path / "c.mp4").write_bytes(b"\0" * 500)
    with pytest.raises(FrameError, match=r"c\.mp4 frame 0: cannot be decoded: [^/]+$"):
        _video(tmp_path, "c.mp4", 20).frame(0)


def test_frames_after_an_error_still_come(tmp_path: Path, video_file: Any) -> None:
    frames = _video(tmp_path, video_file(tmp_path / "a.mp4", 5).name, 9)
    first = frames.frame(0)
    with pytest.raises(FrameError):
        frames.frame(8)
    np.testing.assert_array_equal(frames.frame(0), first)


@pytest.mark.parametrize(
    "name",
    [
        "../x.jpg",
        "a/../../x.jpg",
        "/etc/passwd",
        "/",
        "..",
        ".",
        "",
        "x" * 300,
        "x/" * 600,
        None,
        3,
        "a\0b",
        "C:\\x.jpg",
        "..\\x.jpg",
    ],
)
def test_no_name_leaves_its_root(name: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a"):
        below(tmp_path, name)
    assert below(tmp_path, "images/./a.jpg") == tmp_path / "images/a.jpg"
