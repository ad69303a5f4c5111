"""PoseTrack annotations of a video file: its frames are those that are listed, or all of it is rejected."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def filmed(posetrack: Any, video_file: Any) -> Callable[..., Path]:
    """Puts a video file where the folder of pictures was."""

    def film(count: int, ending: str = ".mp4") -> Path:
        folder = posetrack.root / f"images/train/{posetrack.name}"
        shutil.rmtree(folder, ignore_errors=True)
        return video_file(folder.with_name(folder.name + ending), count)

    return film


def test_a_video_file_instead_of_the_folder_has_the_frames_of_the_annotation(posetrack: Any, filmed: Any) -> None:
    pictures = posetrack.write()
    file = filmed(3)
    part = posetrack.write()
    assert part.rejects == []
    assert part.persons == pictures.persons
    times = [{"path": None, "seconds": seconds} for seconds in (0.0, 0.04, 0.08)]
    assert [row | time for row, time in zip(*pictures.frames.values(), times, strict=True)] == part.frames[
        posetrack.name
    ]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    facts = {"media": f"posetrack/images/train/{file.name}", "media_sha256": digest, "frames_per_second": 25.0}
    assert part.videos == [pictures.videos[0] | facts]


WRONG_VIDEO_FILES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "more frames": (lambda film: film(5), "all 5 frames of 000001_mpii_train.mp4, or extracted pictures, got 3 frames"),
    "broken": (lambda film: film(3).write_bytes(b"no video"), "000001_mpii_train.mp4: expected a video that decodes"),
    "two": (
        lambda film: (film(3), film(3, ".avi")),
        "one folder or video file 000001_mpii_train, got 000001_mpii_train.avi, 000001_mpii_train.mp4",
    ),
}


@pytest.mark.parametrize("case", WRONG_VIDEO_FILES)
def test_a_video_file_that_does_not_fit_sets_its_video_aside(case: str, posetrack: Any, filmed: Any) -> None:
    spoil, reason = WRONG_VIDEO_FILES[case]
    spoil(filmed)
    part = posetrack.write()
    assert (part.videos, part.frames, part.persons) == ([], {}, [])
    [reject] = part.rejects
    assert (reject["source"], reject["location"]) == ("posetrack/annotations/train/000001_mpii_train.json", "")
    assert reason in reject["reason"]
    assert str(posetrack.data) not in reject["reason"]
