"""Where the videos of a corpus lie: nothing that could be a video is passed over without a word."""

import os
from pathlib import Path
from typing import Any

import pytest

from tasks.formats.coco_corpus import read_coco
from tasks.formats.corpus_part import joined
from tasks.formats.posetrack_corpus import read_posetrack
from tasks.formats.video_search import search_videos
from tasks.out_folder import claim_out_folder

TREES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "a cover beside videos": (["a.mp4", "b.mp4", "cover.jpg"], ["a.mp4", "b.mp4"], ["cover.jpg"]),
    "a cover above folders of frames": (
        ["shoot/cover.jpg", "shoot/cam1/1.jpg", "shoot/cam2/1.jpg"],
        ["shoot/cam1", "shoot/cam2"],
        ["shoot/cover.jpg"],
    ),
    "frames and the video they come from": (["w/1.jpg", "w/2.jpg", "w/w.mp4"], ["w", "w/w.mp4"], []),
    "frames and a folder of others": (["w/1.jpg", "w/2.jpg", "w/masks/1.png"], ["w", "w/masks"], []),
    "frames without a number": (["w/a.jpg", "w/b.jpg", "w/labels/a.txt"], ["w"], []),
    "the form of MOT": (["m/img1/1.jpg", "m/det/det.txt", "m/gt/gt.txt"], ["m"], []),
    "a folder that is named as the part of a set": (["images/1.jpg", "images/2.jpg"], ["images"], []),
    "a folder that is named as a set": (["posetrack_clips/a.mp4"], ["posetrack_clips/a.mp4"], []),
    "the parts of a set": (["annotations/val/a.json", "images/val/a/1.jpg", "b.mp4"], ["b.mp4"], []),
    "media that are not read": (["a.gif", "b.mp4"], ["b.mp4"], ["a.gif"]),
}


@pytest.mark.parametrize("case", TREES)
def test_videos_are_found_and_what_is_passed_over_is_named(tmp_path: Path, case: str) -> None:
    files, videos, passed_over = TREES[case]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    search = search_videos(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in search.videos] == videos
    assert [(folder / name).relative_to(tmp_path).as_posix() for folder, name, _ in search.passed_over] == passed_over


def test_a_link_to_a_folder_above_is_followed_once_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    (tmp_path / "day/a.mp4").touch()
    (tmp_path / "day/up").symlink_to(tmp_path)
    (tmp_path / "b.mp4").symlink_to(tmp_path / "nothing.mp4")
    assert [path.name for path in search_videos(tmp_path).videos] == ["b.mp4", "a.mp4"]


def test_a_coco_set_is_read_as_downloaded(coco: Any) -> None:
    inside = coco.write()
    as_it_lies = read_coco(coco.root)
    assert len(as_it_lies.persons) == len(inside.persons) == 2
    assert as_it_lies.rejects == []
    assert joined(read_posetrack(coco.root)).rejects == []


def test_json_beside_the_splits_of_any_set_is_named(posetrack: Any, json_file: Any) -> None:
    posetrack.write()
    json_file(posetrack.root / "annotations/detections.json", [])
    json_file(posetrack.root / "annotations/valid/a.json", {})
    rejects = joined(read_posetrack(posetrack.root)).rejects
    assert [row["source"] for row in rejects] == ["annotations/detections.json", "annotations/valid"]


def test_a_pipe_is_named_and_never_opened(tmp_path: Path, video_file: Any) -> None:
    (tmp_path / "corpus").mkdir()
    os.mkfifo(tmp_path / "corpus/b.mp4")
    (tmp_path / "corpus/a.mp4").symlink_to("b.mp4")
    video_file(tmp_path / "corpus/c.mp4", 2)
    search = search_videos(tmp_path / "corpus")
    assert [path.name for path in search.videos] == ["c.mp4"]
    assert [(name, reason) for _, name, reason in search.passed_over] == [
        (name, "expected a file, got a pipe or a device") for name in ("a.mp4", "b.mp4")
    ]


def test_results_of_an_earlier_run_are_no_videos(tmp_path: Path, video_file: Any) -> None:
    video_file(tmp_path / "corpus/a.mp4", 2)
    out = claim_out_folder(tmp_path / "runs/a")
    video_file(out / "overlays/a.mp4", 2)
    (tmp_path / "corpus/runs").symlink_to(tmp_path / "runs")
    search = search_videos(tmp_path / "corpus")
    assert [path.name for path in search.videos] == ["a.mp4"]
    assert [path.name for path, _, reason in search.passed_over if "out folder of corrtrack" in reason] == ["a"]
