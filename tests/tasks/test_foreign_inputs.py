"""Inputs as other tools and downloads write them, each of the tests' own making: what a person expects of them."""

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.keypoints import COCO_KEYPOINTS, POSETRACK_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.coco_results import posetrack18_of_coco_results
from tasks.formats.corpus_part import joined
from tasks.formats.detected_boxes import read_results
from tasks.formats.folder_conversion import convert_folder
from tasks.formats.json_files import load_json
from tasks.formats.mot import frames_per_second, read_detections
from tasks.formats.posetrack_corpus import read_posetrack
from tasks.formats.submission import export_submission
from tasks.formats.videos import read_videos
from tasks.frames import VideoFile, VideoFrames, decode_picture
from tasks.tables.files import conform
from tasks.tables.schemas import FRAMES, PERSONS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"hello", r"something else in line 1, column 1 \(Expecting value\)"),
        (b'{"images":\n [1,', r"something else in line 2, column 5"),
        (b"\0\0\0\0ab", "bytes that are no text"),
        (b"\xff\xfe\0\0ab", "bytes that are no text"),
    ],
)
def test_a_file_that_is_no_json_is_one_sentence(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json: expected JSON, got {reason}"):
        load_json(tmp_path / "a.json")


def ids(part: Any) -> list[tuple[str, str]]:
    return [(video["video_id"], video["media"]) for video in part.videos]


def test_videos_lie_in_folders_and_have_many_endings(tmp_path: Path, video_file: Any, picture_file: Any, paint: Any):
    for name in ("a.mp4", "day/b.m4v", "day/night/c.mkv", ".hidden/d.mp4", "coco_x/e.mp4"):
        video_file(tmp_path / name, 2)
    for index in range(2):
        picture_file(tmp_path / f"day/frames/{index}.bmp", paint(index))
    assert ids(joined(read_videos(tmp_path))) == [
        ("a", "a.mp4"), ("day/b", "day/b.m4v"), ("day/frames", "day/frames"), ("day/night/c", "day/night/c.mkv"),
    ]  # fmt: skip


def test_hidden_and_foreign_pictures_are_no_frames(tmp_path: Path, picture_file: Any, paint: Any) -> None:
    for name in ("1.png", "2.png", "3.png", "cover.png"):
        picture_file(tmp_path / "walk" / name, paint(1))
    (tmp_path / "walk/._1.png").write_bytes(b"Mac")
    part = joined(read_videos(tmp_path))
    assert [Path(row["path"]).name for row in part.frames["walk"]] == ["1.png", "2.png", "3.png"]
    assert [row["location"] for row in part.rejects] == ["cover.png"]


def test_a_folder_whose_order_is_not_known_is_rejected_alone(tmp_path: Path, picture_file: Any, paint: Any) -> None:
    for name in ("bad/0_2.png", "bad/1_1.png", "bad/2_0.png", "good/1.png"):
        picture_file(tmp_path / name, paint(1))
    part = joined(read_videos(tmp_path))
    assert [video["video_id"] for video in part.videos] == ["good"]
    assert "two readings" in part.rejects[0]["reason"]


def test_a_name_too_long_or_no_utf8_stops_no_other_video(tmp_path: Path, video_file: Any) -> None:
    good = video_file(tmp_path / "good.mp4", 2).read_bytes()
    (tmp_path / f"{'x' * 240}.mp4").write_bytes(good)
    (tmp_path / b"caf\xe9.mp4".decode("utf-8", "surrogateescape")).write_bytes(good)
    part = joined(read_videos(tmp_path))
    assert [video["video_id"] for video in part.videos] == ["good"]
    assert len(part.rejects) == 2
    assert json.dumps(part.rejects, ensure_ascii=False).encode()


def test_a_name_with_the_time_of_day_is_read_to_its_frames(tmp_path: Path, video_file: Any, picture_file: Any) -> None:
    video_file(tmp_path / "12:30:05.mp4", 2)
    picture_file(tmp_path / "C:walk/1.png", np.zeros((8, 8, 3), np.uint8))
    part = joined(read_videos(tmp_path))
    for video in part.videos:
        frames = part.frames[video["video_id"]]
        assert VideoFrames(tmp_path, video, frames).frame(0).shape == (video["height"], video["width"], 3)
    assert [video["video_id"] for video in part.videos] == ["12:30:05", "C:walk"]


def test_a_video_without_pictures_is_called_so(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "talk.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    [reject] = joined(read_videos(tmp_path)).rejects
    assert reject["reason"].endswith("got no video stream")


def test_a_video_that_is_cut_off_before_its_header_is_called_so(tmp_path: Path, video_file: Any) -> None:
    data = video_file(tmp_path / "whole.mp4", 4).read_bytes()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/a.mp4").write_bytes(data[: len(data) // 2])
    [reject] = joined(read_videos(tmp_path / "cut")).rejects
    assert reject["reason"] == (
        "expected a video that decodes, got no streams, as in a file that is cut off; fetch or convert it again"
    )


def two_streams(path: Path, paint: Any, *, is_cover: bool, count: int = 4) -> Path:
    """A file whose first stream is a small still picture: of a song, or as some cameras write a thumbnail."""
    with av.open(str(path), "w") as container:
        still = container.add_stream("mjpeg", rate=1)
        still.width, still.height, still.pix_fmt = 32, 16, "yuvj420p"
        if is_cover:
            still.disposition = av.stream.Disposition.attached_pic
        moving = container.add_stream("mpeg4" if count else "aac", rate=25 if count else 8000)
        if count:
            moving.width, moving.height, moving.pix_fmt = 64, 48, "yuv420p"
        container.mux(still.encode(av.VideoFrame.from_ndarray(paint(0, width=32, height=16), format="rgb24")))
        for index in range(count):
            container.mux(moving.encode(av.VideoFrame.from_ndarray(paint(index), format="rgb24")))
        if not count:
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate = 8000
            container.mux(moving.encode(sound))
        for stream in (still, moving):
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_of_several_streams_the_video_is_the_one_that_players_show(tmp_path: Path, paint: Any, ending: str) -> None:
    path = two_streams(tmp_path / f"a.{ending}", paint, is_cover=ending == "mp4")
    [video] = joined(read_videos(tmp_path)).videos
    assert (video["width"], video["height"], video["frame_count"]) == (64, 48, 4)
    assert np.abs(VideoFile(path, 4).frame(3).astype(int) - paint(3)).mean() < 12


def test_a_song_with_a_cover_is_no_video(tmp_path: Path, paint: Any) -> None:
    two_streams(tmp_path / "song.mp4", paint, is_cover=True, count=0)
    part = joined(read_videos(tmp_path))
    assert part.videos == []
    assert part.rejects[0]["reason"].endswith("got no video stream")


def test_a_list_of_other_files_is_no_video(tmp_path: Path, video_file: Any) -> None:
    video_file(tmp_path / "secret/whole.avi", 3)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "secret/whole.avi").rename(tmp_path / "corpus/whole.avi")
    (tmp_path / "corpus/list.mp4").write_text("ffconcat version 1.0\nfile whole.avi\n")
    part = joined(read_videos(tmp_path / "corpus"))
    assert [video["video_id"] for video in part.videos] == ["whole"]
    assert "got a list of other files (concat)" in part.rejects[0]["reason"]


@pytest.mark.parametrize("ending", ["tif", "webp", "png"])
def test_a_file_of_several_pictures_is_no_frame(tmp_path: Path, paint: Any, ending: str, picture_file: Any) -> None:
    pictures = [paint(index)[..., ::-1] for index in range(3)]
    path = tmp_path / f"stack/1.{ending}"
    path.parent.mkdir()
    if ending == "tif":
        assert cv2.imwritemulti(str(path), pictures)
    else:
        animation = cv2.Animation()
        animation.frames, animation.durations = [cv2.cvtColor(it, cv2.COLOR_BGR2BGRA) for it in pictures], [40] * 3
        assert cv2.imwriteanimation(str(path), animation)
    for index in range(2):
        picture_file(tmp_path / f"plain/{index}.{ending}", paint(index))
    part = joined(read_videos(tmp_path))
    assert [(video["video_id"], video["frame_count"]) for video in part.videos] == [("plain", 2)]
    assert part.rejects[0]["reason"].startswith(f"1.{ending}: expected one picture, got 3 in one file")


MATRICES = [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)]
"""Quarter turns, and the same mirrored: how much x and y count for the x and the y that are shown, in pairs."""


def with_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """The MP4 with another matrix in the header of its track."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_turned_or_mirrored_video_is_what_a_person_sees(
    tmp_path: Path, video_file: Any, matrix: tuple[int, int, int, int]
) -> None:
    a, b, c, d = matrix
    stored = VideoFile(video_file(tmp_path / "phone.mp4", 2), 2).frame(0)
    path = with_display_matrix(tmp_path / "phone.mp4", matrix)
    y, x = np.mgrid[: stored.shape[0], : stored.shape[1]]
    across, down = a * x + c * y, b * x + d * y
    seen = np.zeros((np.ptp(down) + 1, np.ptp(across) + 1, 3), dtype=np.uint8)
    seen[down - down.min(), across - across.min()] = stored
    [video] = joined(read_videos(tmp_path)).videos
    assert (video["height"], video["width"]) == seen.shape[:2]
    np.testing.assert_array_equal(VideoFile(path, 2).frame(0), seen)


@pytest.mark.parametrize("matrix", [matrix for matrix in MATRICES if matrix[0] * matrix[3] > matrix[1] * matrix[2]])
def test_a_turned_video_is_what_opencv_shows(
    tmp_path: Path, video_file: Any, matrix: tuple[int, int, int, int]
) -> None:
    video_file(tmp_path / "phone.mp4", 2)
    path = with_display_matrix(tmp_path / "phone.mp4", matrix)
    shown = cv2.VideoCapture(str(path)).read()[1][..., ::-1]
    assert np.abs(VideoFile(path, 2).frame(0).astype(int) - shown).mean() < 2


def exif_turned(path: Path, picture: np.ndarray, orientation: int = 6) -> Path:
    """A JPEG with an EXIF orientation; 6 asks for a turn to the right by 90 degrees."""
    plain = cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"
    block = b"Exif\0\0" + tiff
    path.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:])
    return path


UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}
"""What EXIF's orientations ask for."""


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_picture_is_used_upright_with_annotations_of_that_size(coco: Any, paint: Any, orientation: int) -> None:
    path = exif_turned(coco.root / "images/train2017/a.jpg", paint(3), orientation)
    stored = decode_picture(path.read_bytes(), as_stored=True)
    assert np.array_equal(decode_picture(path.read_bytes()), UPRIGHT[orientation](stored))
    height, width = UPRIGHT[orientation](stored).shape[:2]
    coco.image.update(file_name="a.jpg", width=width, height=height)
    part = coco.write()
    assert part.rejects == []
    assert [(row["width"], row["height"]) for row in part.images] == [(width, height), (64, 48)]


def test_a_small_file_of_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, paint: Any) -> None:
    png = bytearray(cv2.imencode(".png", paint(1))[1].tobytes())
    png[16:24] = struct.pack(">II", 30_000, 30_000)
    jpeg = bytearray(cv2.imencode(".jpg", paint(1))[1].tobytes())
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    for data, size in ((png, "30000x30000"), (jpeg, "60000x60000")):
        with pytest.raises(ValueError, match=f"expected a picture of at most 256 Mpx, got {size} in {len(data)} bytes"):
            decode_picture(bytes(data))


@pytest.mark.parametrize(
    ("content", "rate"),
    [
        ("[Sequence]\nframeRate=25", 25.0),
        ("\ufeff[Sequence]\r\nframeRate = 25.0\r\n", 25.0),
        ("[Sequence]\nframeRate=30000/1001", 30000 / 1001),
        *((f"[Sequence]\nframeRate={value}", None) for value in ("inf", "nan", "-1", "0", "1e9", "1/0", "%(x)s", "")),
    ],
)
def test_a_frame_rate_is_one_that_cameras_have(tmp_path: Path, content: str, rate: float | None) -> None:
    (tmp_path / "seqinfo.ini").write_text(content, encoding="utf-8", newline="")
    assert frames_per_second(tmp_path) == rate


@pytest.mark.parametrize("row", ["1e300,-1,5,5,9,9,0.5", "99999999999999999999,-1,5,5,9,9,0.5", "1,-1,5,5,1e308,9,0.5"])
def test_absurd_numbers_reject_their_row_alone(tmp_path: Path, row: str) -> None:
    found, [reject] = boxes(tmp_path, f"{row}\n1,-1,5,5,9,9,0.5\n")
    assert [box.image_id for box in found] == [1]
    assert reject["location"] == "line 1"


@pytest.mark.parametrize(
    ("category", "count"), [(None, 1), ("1", 1), ("person", 1), ("car", 0), (1.0, 1), (2, 0), ([1], 0)]
)
def test_a_result_may_leave_its_category_open(tmp_path: Path, json_file: Any, category: Any, count: int) -> None:
    entry = {"image_id": "7", "category_id": category, "bbox": ["1", 2, 3, 4], "score": "0.5"}
    found, rejects = read_results(json_file(tmp_path / "r.json", [entry]))
    assert (len(found), len(rejects)) == (count, 1 - count)


def test_ids_may_be_text_in_coco_and_posetrack(coco: Any, posetrack: Any) -> None:
    for written in (coco, posetrack):
        before = written.write()
        for record in (*written.document["images"], *written.document["annotations"], *written.document["categories"]):
            for name in {"id", "image_id", "category_id", "width", "height"} & record.keys():
                record[name] = str(record[name])
        after = written.write()
        assert vars(after) == vars(before)
        for table, rows in ((PERSONS, after.persons), *((FRAMES, rows) for rows in after.frames.values())):
            conform(table, rows)


def test_annotations_of_the_unturned_picture_are_rejected_with_the_reason(coco: Any, paint: Any) -> None:
    exif_turned(coco.root / "images/train2017/a.jpg", paint(3))
    coco.image.update(file_name="a.jpg")
    [reject] = coco.write().rejects
    assert "EXIF orientation" in reject["reason"]


def boxes(tmp_path: Path, text: str | bytes) -> tuple[list[Any], list[Any]]:
    path = tmp_path / "det.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_detections(path)


def test_scores_of_minus_one_say_that_there_are_none(tmp_path: Path) -> None:
    detections, rejects = boxes(tmp_path, "1,-1,5,5,9,9,-1,-1,-1,-1\n2,-1,5,5,9,9,-1,-1,-1,-1\n")
    assert [box.score for box in detections] == [1.0, 1.0]
    assert rejects == []


def test_a_file_without_a_column_of_scores_has_certain_boxes(tmp_path: Path) -> None:
    for row in ("1,7,5,5,9,9", "1,7,5,5,9,9,,,,", "1 7 5 5 9 9"):
        detections, rejects = boxes(tmp_path, row)
        assert [(box.box_xywh, box.score) for box in detections] == [([4.0, 4.0, 9.0, 9.0], 1.0)]
        assert rejects == []


def test_an_empty_cell_keeps_its_column(tmp_path: Path) -> None:
    detections, rejects = boxes(tmp_path, "1,,5,6,9,8,0.5,-1,-1,-1\n2;;5;6;9;8;0,5\n3\t\t5\t6\t9\t8\t0.5\n")
    assert [(box.image_id, box.box_xywh, box.score) for box in detections] == [
        (frame, [4.0, 5.0, 9.0, 8.0], 0.5) for frame in (1, 2, 3)
    ]
    assert rejects == []


@pytest.mark.parametrize("ending", [",1.0", ",0.8,", ",,", ",-1,-1", ""])
@pytest.mark.parametrize(("person", "other"), [("1", "3"), ("person", "car"), ("Pedestrian", "bus"), ("1.0", "0")])
def test_the_class_column_is_known_however_the_row_ends(tmp_path: Path, ending: str, person: str, other: str) -> None:
    rows = [f"{frame},1,5,5,9,9,0.9,{name}{ending}" for frame in (1, 2) for name in (person, other)]
    detections, [reject] = boxes(tmp_path, "\n".join(rows))
    assert [box.image_id for box in detections] == [1, 2]
    assert reject["reason"].startswith(f"2 rows of class {other}")


def test_a_place_in_the_world_is_no_class(tmp_path: Path) -> None:
    detections, rejects = boxes(tmp_path, "1,1,5,5,9,9,0.9,3,4,0\n2,1,5,5,9,9,0.9,-1,-1,-1\n")
    assert (len(detections), rejects) == (2, [])


def test_other_classes_of_a_mot_file_are_no_persons(tmp_path: Path) -> None:
    rows = [f"{frame},1,5,5,9,9,1,{category},1.0" for frame in (1, 2) for category in (1, 3)]
    detections, [reject] = boxes(tmp_path, "\n".join(rows))
    assert [box.image_id for box in detections] == [1, 2]
    assert reject == {"location": "line 2, 4", "reason": "2 rows of class 3; class 1 is the person"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_encodings_and_line_ends_of_other_systems(tmp_path: Path, encoding: str, ends: str) -> None:
    detections, rejects = boxes(tmp_path, f"1,-1,5,5,9,9,0.5{ends}2;-1;5;5;9;9;0.5{ends}".encode(encoding))
    assert len(detections) == 2
    assert rejects == []


def test_a_comment_in_latin_1_is_a_comment(tmp_path: Path) -> None:
    assert len(boxes(tmp_path, "# Café\n1,-1,5,5,9,9,0.5\n".encode("latin-1"))[0]) == 1
    with pytest.raises(InputError, match=r"det\.txt: expected"):
        boxes(tmp_path, b"\x89PNG\r\n\x1a\n\0\0\0")


def test_the_test_split_has_no_annotations(posetrack: Any) -> None:
    for name in ("annotations", "categories"):
        del posetrack.document[name]
    part = posetrack.write("test")
    assert part.rejects == []
    assert [(row["video_id"], row["split"], row["labelled_frame_count"]) for row in part.videos] == [
        (posetrack.name, "test", 0)
    ]


def test_posetrack21_is_read_as_downloaded(posetrack: Any) -> None:
    posetrack.write()
    (posetrack.root / "annotations").rename(posetrack.root / "posetrack_data")
    inside, as_it_lies = joined(read_posetrack(posetrack.data)), joined(read_posetrack(posetrack.root))
    assert len(inside.persons) == len(as_it_lies.persons) == 4
    assert inside.rejects == as_it_lies.rejects == []


def test_a_missing_id_is_no_id_and_0_is_one(posetrack: Any) -> None:
    del posetrack.persons[0]["id"]
    posetrack.persons[1]["id"] = 0
    posetrack.persons[2]["id"] = None
    posetrack.persons[3]["id"] = "63f1c0de"
    part = posetrack.write()
    assert part.rejects == []
    assert len({person["person_id"] for person in part.persons}) == 4


@pytest.mark.parametrize("own_id", ["a person", 10**25, -1, 1.5, True, [1], float("nan")])
def test_an_annotation_whose_id_is_no_number_is_a_person_all_the_same(coco: Any, posetrack: Any, own_id: Any) -> None:
    for written, person in ((coco, coco.person), (posetrack, posetrack.persons[0])):
        count = len(written.write().persons)
        person["id"] = own_id
        part = written.write()
        assert part.rejects == []
        assert len(part.persons) == len({row["person_id"] for row in part.persons}) == count


def test_a_track_id_of_minus_one_is_no_identity(posetrack: Any) -> None:
    for person in posetrack.persons:
        person["track_id"] = -1
    part = posetrack.write()
    assert part.rejects == []
    assert [row["track_id"] for row in part.persons] == [None] * 4


@pytest.mark.parametrize("place", [None, float("nan"), "NaN"])
@pytest.mark.parametrize("flag", [0, None, "0", float("nan")])
def test_an_unlabelled_keypoint_needs_no_place(coco: Any, place: Any, flag: Any) -> None:
    before = coco.write().persons
    coco.person["keypoints"][:3] = [place, place, flag]  # unlabelled before too
    part = coco.write()
    assert (part.rejects, part.persons) == ([], before)


@pytest.mark.parametrize("name", ["Person", "PERSON ", "player"])
def test_the_person_may_be_called_otherwise_where_it_alone_has_keypoints(posetrack: Any, name: str) -> None:
    posetrack.document["categories"][0]["name"] = name
    posetrack.document["categories"].append({"id": 2, "name": "ball"})
    posetrack.persons[0]["category_id"] = 2
    part = posetrack.write()
    assert len(part.persons) == 3
    assert "1 annotations of other categories" in part.rejects[0]["reason"]


def test_flags_may_be_words(posetrack: Any) -> None:
    before = posetrack.write()
    for image in posetrack.images:
        image["is_labeled"] = str(image["is_labeled"])
    for person in posetrack.persons:
        person["iscrowd"] = "false"
    assert vars(posetrack.write()) == vars(before)


def test_a_list_that_a_file_holds_twice_is_not_lost(posetrack: Any, tmp_path: Path) -> None:
    posetrack.write()
    path = posetrack.root / f"annotations/train/{posetrack.name}.json"
    path.write_text(path.read_text()[:-1] + ', "annotations": []}')
    [reject] = joined(read_posetrack(posetrack.data)).rejects
    assert reject["reason"] == 'expected each name once in the outermost object, got "annotations" twice'
    path.write_text(json.dumps(posetrack.document | {"info": {"annotations": 4}}))
    assert joined(read_posetrack(posetrack.data)).rejects == []


def test_a_name_twice_over_deep_brackets_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text('{"a": 1, "a": ' + "[" * 1010 + "]" * 1010 + "}")
    with pytest.raises(InputError, match="brackets nested too deeply"):
        load_json(tmp_path / "deep.json")


@pytest.mark.parametrize("field", ["track_id", "keypoints", "bbox", "bbox_head", "category_id", "iscrowd", "id"])
def test_null_is_an_absent_field(posetrack: Any, field: str) -> None:
    for person in posetrack.persons:
        person[field] = None
    part = posetrack.write()
    assert part.rejects == []
    assert len(part.persons) == 4


def test_numbers_may_be_text(posetrack: Any) -> None:
    whole = posetrack.write().persons
    for person in posetrack.persons:
        person["bbox"] = [str(value) for value in person["bbox"]]
        person["image_id"] = float(person["image_id"])
    assert posetrack.write().persons == whole


def test_other_categories_are_one_reject(posetrack: Any) -> None:
    posetrack.document["categories"].append({"id": 2, "name": "horse"})
    for person in posetrack.persons[1:]:
        person["category_id"] = 2
    part = posetrack.write()
    assert len(part.persons) == 1
    [reject] = part.rejects
    assert reject["reason"].startswith("3 annotations of other categories")


IMAGES = [{"id": 10 + at, "file_name": f"images/val/000001_mpii_test/{at:06d}.jpg"} for at in range(2)]


def alphapose(name: str, idx: Any) -> dict[str, Any]:
    """A result whose keypoint k of COCO's order lies at (k + 1, 50)."""
    keypoints = [value for at in range(17) for value in (at + 1, 50, 0.9)]
    return {"image_id": name, "category_id": 1, "keypoints": keypoints, "score": 2.5, "idx": idx}


def test_alphapose_results_find_their_pictures_by_name() -> None:
    results = [alphapose("000000.jpg", [3.0]), alphapose("000001.jpg", 4)]
    file = posetrack18_of_coco_results("a", results, IMAGES, order=COCO_KEYPOINTS)
    assert [(entry["image_id"], entry["track_id"]) for entry in file["annotations"]] == [(10, 3), (11, 4)]


def test_pictures_are_known_behind_any_folder_and_numbers_may_be_texts() -> None:
    texts = alphapose("C:\\out\\000001.jpg", "7")
    texts["keypoints"] = [str(value) for value in texts["keypoints"]]
    file = posetrack18_of_coco_results("a", [alphapose("./000000.jpg", 4), texts], IMAGES, order=COCO_KEYPOINTS)
    assert [(entry["image_id"], entry["track_id"]) for entry in file["annotations"]] == [(10, 4), (11, 7)]
    assert file["annotations"][0]["keypoints"] == file["annotations"][1]["keypoints"]


def test_results_of_other_categories_are_left_out_with_their_count(tmp_path: Path, json_file: Any, caplog: Any) -> None:
    results = [alphapose("000000.jpg", 1) | {"category_id": category} for category in (1, 3, "1", None)]
    json_file(tmp_path / "gt/a.json", {"images": IMAGES})
    source = json_file(tmp_path / "r.json", results)
    converted = convert_folder(source, tmp_path / "out", target="posetrack18", images=tmp_path / "gt")
    assert len(json.loads(converted.written[0].read_text())["annotations"]) == 3
    assert "1 results of other categories than 1, the person; not converted" in caplog.text


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ([], r"expected a list of persons \(COCO results\), got \[\]"),
        ([{"image_id": True}], "an object with the image_id of its picture"),
        ([{"category_id": 0}, {"category_id": 2}], "expected 1, the person, among several categories, got 0, 2"),
    ],
)
def test_results_that_tell_no_persons_are_refused(tmp_path: Path, json_file: Any, results: Any, reason: str) -> None:
    json_file(tmp_path / "gt/a.json", {"images": IMAGES})
    source = json_file(tmp_path / "r.json", [alphapose("000000.jpg", 1) | changes for changes in results])
    converted = convert_folder(source, tmp_path / "out", target="posetrack18", images=tmp_path / "gt")
    assert converted.written == ()
    assert re.search(reason, converted.refused[0])


@pytest.mark.parametrize(("category", "count"), [("person", 1), ("1", 1), (1.0, 1), (18, 2)])
def test_the_person_of_results_may_be_named(tmp_path: Path, json_file: Any, category: Any, count: int) -> None:
    json_file(tmp_path / "gt/a.json", {"images": IMAGES})
    entries = [alphapose("000000.jpg", at) | {"category_id": it} for at, it in enumerate((category, 18))]
    source = json_file(tmp_path / "r.json", entries)
    converted = convert_folder(source, tmp_path / "out", target="posetrack18", images=tmp_path / "gt")
    assert len(json.loads(converted.written[0].read_text())["annotations"]) == count


def test_absent_values_of_a_result_are_no_numbers_of_the_person() -> None:
    entry = alphapose("000000.jpg", -1) | {"track_id": None, "score": "0.5"}
    entry["keypoints"][15:21] = [None, None, 0, float("nan"), 50, 0.9]  # the shoulders
    [person] = posetrack18_of_coco_results("a", [entry], IMAGES, order=COCO_KEYPOINTS)["annotations"]
    values = dict(zip(POSETRACK_KEYPOINTS, zip(*(iter(person["keypoints"]),) * 3, strict=True), strict=True))
    assert values["left_shoulder"] == values["right_shoulder"] == (0, 0, 0)
    assert values["left_hip"] == (12, 50, 1)
    assert (person["track_id"], person["score"]) == (0, 0.5)


def test_a_picture_may_be_a_whole_number_as_a_float() -> None:
    file = posetrack18_of_coco_results("a", [alphapose("", 4) | {"image_id": 11.0}], IMAGES, order=COCO_KEYPOINTS)
    assert [entry["image_id"] for entry in file["annotations"]] == [11]


def test_a_name_that_two_sequences_have_is_refused(tmp_path: Path, json_file: Any) -> None:
    for at, name in enumerate(("a", "b")):
        images = [image | {"id": image["id"] + 100 * at, "file_name": f"{name}/000000.jpg"} for image in IMAGES[:1]]
        json_file(tmp_path / f"gt/{name}.json", {"images": images})
    source = json_file(tmp_path / "r.json", [alphapose("000000.jpg", 1)])
    converted = convert_folder(source, tmp_path / "out", target="posetrack18", images=tmp_path / "gt")
    assert "expected one picture of each name, got several of image_id" in converted.refused[0]


def test_cocos_keypoints_go_to_their_names() -> None:
    [entry] = posetrack18_of_coco_results("a", [alphapose("000000.jpg", 1)], IMAGES, order=COCO_KEYPOINTS)[
        "annotations"
    ]
    x = dict(zip(POSETRACK_KEYPOINTS, entry["keypoints"][::3], strict=True))
    assert x["left_shoulder"] == COCO_KEYPOINTS.index("left_shoulder") + 1
    assert (x["head_bottom"], x["head_top"]) == (0, 0)


def test_results_of_no_picture_are_refused_with_their_count(tmp_path: Path, json_file: Any) -> None:
    source = json_file(tmp_path / "r.json", [alphapose("other.jpg", 1)] * 3)
    json_file(tmp_path / "gt/a.json", {"images": IMAGES})
    converted = convert_folder(source, tmp_path / "out", target="posetrack18", images=tmp_path / "gt")
    assert converted.written == ()
    assert "3 of 3 results" in converted.refused[0]


def test_a_bare_list_of_images_is_enough_for_an_export(tmp_path: Path, json_file: Any) -> None:
    results = [alphapose("000000.jpg", 1)]
    json_file(tmp_path / "pred/a.json", posetrack18_of_coco_results("a", results, IMAGES))
    json_file(tmp_path / "gt/a.json", {"images": IMAGES})
    assert export_submission(tmp_path / "pred", tmp_path / "a.zip", truth=tmp_path / "gt") == 1


READERS = {"detections": read_detections, "results": read_results}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_boxes_or_a_reason(tmp_path: Path, reader: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    try:
        READERS[reader](path)
    except InputError as error:
        assert str(path) in str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(["id", "image_id", "keypoints", "bbox", "track_id", "category_id"]), value=VALUES)
def test_any_value_of_a_field_rejects_at_most_its_person(posetrack: Any, field: str, value: Any) -> None:
    before = posetrack.persons[0]
    posetrack.persons[0] = before | {field: value}
    part = posetrack.write()
    posetrack.persons[0] = before
    assert len(part.persons) >= 3
    assert len({person["person_id"] for person in part.persons}) == len(part.persons)


@pytest.mark.parametrize(
    "lines",
    [
        "1,-1,10.5,9,14,22,0.9",
        "1;-1;10,5;9;14;22;0,9",
        "1\t-1\t10,5\t9\t14\t22\t0,9\t",
        '"1","-1","10.5","9","14","22","0.9"',
        "1 -1 10.5 9 14 22 9e-1",
        "frame,id,left,top,width,height,score\r\n1,-1,10.5,9,14,22,0.9,\r\n",
        "# boxes of a detector\n1.0,-1,10.5,9,14,22,.9",
    ],
)
def test_mot_boxes_in_the_spellings_of_spreadsheets(tmp_path: Path, lines: str) -> None:
    (tmp_path / "det.txt").write_text(lines, newline="")
    boxes, rejects = read_detections(tmp_path / "det.txt")
    assert [(box.image_id, box.box_xywh, box.score) for box in boxes] == [(1, [9.5, 8.0, 14.0, 22.0], 0.9)]
    assert rejects == []
