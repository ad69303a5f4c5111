"""Bare videos, and their detections in MOT form."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tasks.errors import InputError
from tasks.formats.corpus_part import joined
from tasks.formats.mot import frames_per_second, read_detections
from tasks.formats.video_search import detections_beside
from tasks.formats.videos import read_videos
from tasks.frames import VideoFrames

LINE = "3,-1,649.4,231.5,44.4,86.1,0.99,-1,-1,-1"


def test_mot_boxes_count_pixels_from_1_and_frames_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text(f"{LINE}\n\n1 7 11 21 5 6 -0.5\n")
    boxes, rejects = read_detections(tmp_path / "det.txt")
    assert rejects == []
    assert [box.image_id for box in boxes] == [3, 1]
    assert boxes[0].box_xywh == pytest.approx([648.4, 230.5, 44.4, 86.1])
    assert (boxes[1].box_xywh, boxes[1].score) == ([10.0, 20.0, 5.0, 6.0], -0.5)


BROKEN_LINES = {
    "too short": ("1,2,3", "line: expected at least 6 numbers"),
    "text": ("1,-1,a,2,3,4,1", 'left: expected a finite number, got "a"'),
    "NaN": ("1,-1,nan,2,3,4,1", "left: expected a finite number"),
    "endless score": ("1,-1,1,2,3,4,inf", "score: expected a finite number"),
    "frame -1": ("-1,-1,1,2,3,4,1", "frame: expected a whole number from 0, got -1"),
    "frame 1.5": ("1.5,-1,1,2,3,4,1", "frame: expected a whole number from 0, got 1.5"),
    "no width": ("1,-1,1,2,0,4,1", "expected a positive width and height"),
}


@pytest.mark.parametrize("case", BROKEN_LINES)
def test_a_broken_line_is_rejected_alone(case: str, tmp_path: Path) -> None:
    line, reason = BROKEN_LINES[case]
    (tmp_path / "det.txt").write_text(f"{LINE}\n{line}\n{LINE}\n")
    boxes, rejects = read_detections(tmp_path / "det.txt")
    assert len(boxes) == 2
    assert rejects[0]["location"] == "line 2"
    assert reason in rejects[0]["reason"]


@pytest.mark.parametrize("content", [b"no detections\nat all\n", b"\xff\xfe\xfd", None])
def test_a_file_of_other_shape_is_no_file_of_detections(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "det.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"det\.txt: expected"):
        read_detections(tmp_path / "det.txt")


def test_no_detections_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("")
    boxes, rejects = read_detections(tmp_path / "det.txt")
    assert (list(boxes), rejects) == ([], [])


def test_a_video_file_is_a_video_of_the_split_val(tmp_path: Path, video_file: Any) -> None:
    video_file(tmp_path / "videos/walk.mp4", 7)
    part = joined(read_videos(tmp_path))
    assert part.rejects == []
    [video] = part.videos
    assert (video["video_id"], video["split"], video["media"], video["source"]) == (
        "walk",
        "val",
        "videos/walk.mp4",
        None,
    )
    assert (video["frame_count"], video["width"], video["height"], video["frames_per_second"]) == (7, 64, 48, 25.0)
    assert [(row["frame_index"], row["image_id"], row["path"]) for row in part.frames["walk"]][:2] == [
        (0, 1, None),
        (1, 2, None),
    ]
    assert not any(row["is_labelled"] for row in part.frames["walk"])


@pytest.mark.parametrize("inside", ["", "img1"])
def test_a_folder_of_pictures_is_a_video_in_order_of_its_numbers(
    inside: str, tmp_path: Path, picture_file: Any, paint: Any
) -> None:
    for number in (1, 2, 10):
        picture_file(tmp_path / "walk" / inside / f"{number}.png", paint(number))
    (tmp_path / "walk/seqinfo.ini").write_text("[Sequence]\nframeRate=7\n")
    part = joined(read_videos(tmp_path))
    [video] = part.videos
    assert (video["video_id"], video["frame_count"], video["frames_per_second"]) == ("walk", 3, 7.0)
    assert [Path(row["path"]).name for row in part.frames["walk"]] == ["1.png", "2.png", "10.png"]
    assert video["media"] == (Path("walk") / inside).as_posix()


def test_a_broken_picture_of_a_folder_does_not_shift_the_others(tmp_path: Path, picture_file: Any, paint: Any) -> None:
    for number in (1, 2, 3, 4):
        size = {"width": 32, "height": 24} if number == 4 else {}
        picture_file(tmp_path / "walk" / f"{number}.png", paint(number, **size))
    (tmp_path / "walk/2.png").write_bytes(b"broken")
    part = joined(read_videos(tmp_path))
    assert [(row["frame_index"], row["image_id"]) for row in part.frames["walk"]] == [(0, 1), (1, 3)]
    assert {reject["location"] for reject in part.rejects} == {"2.png", "4.png"}


BROKEN_VIDEOS = {
    "empty": (lambda data: b"", ""),
    "no video": (lambda data: b"text" * 99, ""),
    "without its end": (lambda data: data[: len(data) // 2], ""),
}


@pytest.mark.parametrize("case", BROKEN_VIDEOS)
def test_a_broken_video_file_is_rejected_and_the_others_stay(case: str, tmp_path: Path, video_file: Any) -> None:
    spoil, location = BROKEN_VIDEOS[case]
    broken = video_file(tmp_path / "broken.mp4", 20)
    broken.write_bytes(spoil(broken.read_bytes()))
    video_file(tmp_path / "whole.mp4", 3)
    part = joined(read_videos(tmp_path))
    assert [row["video_id"] for row in part.videos] == ["whole"]
    [reject] = part.rejects
    assert (reject["source"], reject["location"]) == ("broken.mp4", location)
    assert "expected a video that decodes" in reject["reason"]


def test_only_frames_that_decode_are_counted(tmp_path: Path, video_file: Any) -> None:
    path = video_file(tmp_path / "cut.avi", 40, codec="mpeg4")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    part = joined(read_videos(tmp_path))
    [video] = part.videos
    assert 5 < video["frame_count"] < 40
    assert len(part.frames["cut"]) == video["frame_count"]
    pictures = VideoFrames(tmp_path, video, part.frames["cut"]).read(range(video["frame_count"]))
    assert len(list(pictures)) == video["frame_count"]


def test_videos_of_different_folders_may_be_called_alike(
    tmp_path: Path, video_file: Any, picture_file: Any, paint: Any
) -> None:
    for name in ("videos/walk.mp4", "videos/north/walk.mp4", "south/v1.0/walk.mp4"):
        video_file(tmp_path / name, 2)
    for number in range(2):
        picture_file(tmp_path / f"south/walk/{number}.png", paint(number))
    part = joined(read_videos(tmp_path))
    assert {row["video_id"]: row["media"] for row in part.videos} == {
        **{"walk": "videos/walk.mp4", "north/walk": "videos/north/walk.mp4"},
        **{"south/walk": "south/walk", "south/v1.0/walk": "south/v1.0/walk.mp4"},
    }
    assert part.rejects == []
    (tmp_path / "videos/walk.mp4").unlink()
    assert "north/walk" in {row["video_id"] for row in joined(read_videos(tmp_path)).videos}, "names stay when files go"


def test_two_videos_of_one_name_are_reported(tmp_path: Path, video_file: Any) -> None:
    video_file(tmp_path / "walk.mp4", 2)
    video_file(tmp_path / "videos/walk.avi", 2)
    part = joined(read_videos(tmp_path))
    assert [row["media"] for row in part.videos] == ["walk.mp4"]
    assert "expected a video name of its own" in part.rejects[0]["reason"]


@pytest.mark.parametrize(
    ("files", "media", "found"),
    [
        (["a.mp4", "a.det.txt"], "a.mp4", "a.det.txt"),
        (["a.mp4", "det.txt"], "a.mp4", "det.txt"),
        (["a.mp4", "a.det.txt", "det.txt"], "a.mp4", "a.det.txt"),
        (["a.mp4", "b.mp4", "det.txt"], "a.mp4", None),
        (["a.mp4", "b.det.txt"], "a.mp4", None),
        (["s/1.jpg", "s/det.txt"], "s", "s/det.txt"),
        (["s/img1/1.jpg", "s/det/det.txt"], "s/img1", "s/det/det.txt"),
        (["s/1.jpg", "s.det.txt"], "s", "s.det.txt"),
        (["s/1.jpg", "det.txt"], "s", None),
    ],
)
def test_detections_are_found_beside_their_video(
    files: list[str], media: str, found: str | None, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert detections_beside(tmp_path, media) == (None if found is None else tmp_path / found)


@pytest.mark.parametrize("text", ["", "nonsense", "[Sequence]\nframeRate=fast", "[Sequence]\nframeRate=-1"])
def test_a_frame_rate_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text(text)
    assert frames_per_second(tmp_path) is None
    assert frames_per_second(tmp_path / "nowhere") is None


def test_frames_have_the_times_of_their_stamps_or_of_the_rate(tmp_path, video_file, picture_file, paint):
    video_file(tmp_path / "even.mp4", 3)
    with av.open(str(tmp_path / "uneven.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, stamp in enumerate((0, 40, 300, 310)):
            frame = av.VideoFrame.from_ndarray(paint(index), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for index in range(3):
        picture_file(tmp_path / "pictures" / f"{index:06d}.png", paint(index))
        picture_file(tmp_path / "rated" / f"{(0, 1, 4)[index]:06d}.png", paint(index))
    (tmp_path / "rated" / "seqinfo.ini").write_text("[Sequence]\nframeRate=10\n")
    frames = joined(read_videos(tmp_path)).frames
    assert {name: [row["seconds"] for row in rows] for name, rows in frames.items()} == {
        "even": [0.0, 0.04, 0.08],
        "uneven": [0.0, 0.04, 0.3, 0.31],
        "pictures": [None] * 3,
        "rated": [0.0, 0.1, 0.4],
    }
