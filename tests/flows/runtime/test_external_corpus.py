"""A corpus is only read; what it lacks is laid beside it by links."""

import os
from pathlib import Path

import pytest

from flows.runtime.external_corpus import corpus_view, results_by_video
from tasks.errors import InputError
from tasks.formats.video_search import bare_videos, detections_beside
from tasks.inference.box_files import results_files
from tasks.out_folder import claim_out_folder
from tasks.whole_files import write_whole
from tasks.workspace import Workspace


def touched(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def boxes_of(view: Path) -> dict[str, str]:
    """Content of the detections of each bare video, "" where there are none."""
    files = {path.name: detections_beside(view, path.relative_to(view).as_posix()) for path in bare_videos(view)}
    return {name: path.resolve().name if path else "" for name, path in files.items()}


def test_a_folder_like_data_is_taken_as_it_is(tmp_path):
    touched(tmp_path / "data/posetrack/annotations/val/1.json")
    assert corpus_view(tmp_path / "data", [], tmp_path / "view") == tmp_path / "data"
    assert not (tmp_path / "view").exists()


@pytest.mark.parametrize(
    ("files", "corpus", "detections", "boxes"),
    [
        (["street.mp4"], "street.mp4", [], {"street.mp4": ""}),
        (["street.mp4", "det.txt"], "street.mp4", [], {"street.mp4": "det.txt"}),
        (["street.mp4", "other.mp4", "det.txt"], "street.mp4", [], {"street.mp4": ""}),
        (["street.mp4", "det.txt", "mine.txt"], "street.mp4", ["mine.txt"], {"street.mp4": "mine.txt"}),
        (["walk/img1/1.jpg", "walk/det/det.txt"], "walk", [], {"walk": "det.txt"}),
        (["walk/1.jpg", "mine.txt"], "walk", ["mine.txt"], {"walk": "mine.txt"}),
        (["c/a.mp4", "c/b.mp4", "a.txt"], "c", ["a.txt"], {"a.mp4": "a.txt", "b.mp4": ""}),
        (
            ["c/a.mp4", "c/b.mp4", "b.det.txt", "a.txt"],
            "c",
            ["b.det.txt", "a.txt"],
            {"a.mp4": "a.txt", "b.mp4": "b.det.txt"},
        ),
        (["c/videos/a.mp4", "c/videos/a.det.txt", "a.txt"], "c", ["a.txt"], {"a.mp4": "a.txt"}),
    ],
)
def test_videos_find_their_boxes(tmp_path, files, corpus, detections, boxes):
    touched(*(tmp_path / name for name in files))
    view = corpus_view(tmp_path / corpus, [tmp_path / name for name in detections], tmp_path / "view")
    assert boxes_of(view) == boxes
    again = corpus_view(tmp_path / corpus, [tmp_path / name for name in detections], tmp_path / "view")
    assert boxes_of(again) == boxes


def test_results_replace_those_of_an_annotated_corpus(tmp_path):
    touched(
        tmp_path / "c/posetrack/annotations/val/1.json",
        tmp_path / "c/posetrack/detections/old.json",
        tmp_path / "new.json",
    )
    view = corpus_view(tmp_path / "c", [tmp_path / "new.json"], tmp_path / "view")
    assert [path.name for path in (view / "posetrack/detections").iterdir()] == ["new.json"]
    assert (view / "posetrack/annotations/val/1.json").is_file()
    assert [path.name for path in (tmp_path / "c/posetrack/detections").iterdir()] == ["old.json"]


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_boxes_of_a_nested_video_are_laid_into_the_view_alone(tmp_path):
    touched(tmp_path / "c/day/a.mp4", tmp_path / "c/walk/1.jpg", tmp_path / "c/walk/2.jpg", tmp_path / "a.txt")
    before = files_in(tmp_path / "c")
    view = corpus_view(tmp_path / "c", [tmp_path / "a.txt"], tmp_path / "view")
    assert boxes_of(view) == {"a.mp4": "a.txt", "walk": ""}
    assert files_in(tmp_path / "c") == before
    touched(tmp_path / "c/walk/inside/b.mp4", tmp_path / "b.txt")
    with pytest.raises(InputError, match="outside folders of frames"):
        corpus_view(tmp_path / "c", [tmp_path / "b.txt"], tmp_path / "view")


def test_boxes_fit_a_video_whose_name_is_clear(tmp_path):
    touched(tmp_path / "c/a.mp4", tmp_path / "c/day/b.mp4", tmp_path / "c/night/b.mp4", tmp_path / "b.txt")
    with pytest.raises(InputError, match=r"that of day/b and night/b; lay the boxes of each beside it as b\.det\.txt"):
        corpus_view(tmp_path / "c", [tmp_path / "b.txt"], tmp_path / "view")


def test_results_are_laid_beside_a_set_as_downloaded(tmp_path):
    touched(tmp_path / "pt21/posetrack_data/val/1.json", tmp_path / "pt21/images/val/1/1.jpg", tmp_path / "new.json")
    view = corpus_view(tmp_path / "pt21", [tmp_path / "new.json"], tmp_path / "view")
    assert [path.relative_to(view).as_posix() for path in results_files(view)] == ["detections/new.json"]


@pytest.mark.parametrize("poses", ["mine.json", "mine"])
def test_poses_replace_those_of_the_corpus_in_the_view_alone(tmp_path, poses):
    touched(tmp_path / "c/a.mp4", tmp_path / "c/poses/old.json", tmp_path / "mine.json", tmp_path / "mine/a.json")
    before = files_in(tmp_path / "c")
    for _ in range(2):
        view = corpus_view(tmp_path / "c", [], tmp_path / "view", tmp_path / poses)
        assert [path.name for path in (view / "poses").iterdir()] == ["mine.json" if poses != "mine" else "a.json"]
        assert list(boxes_of(view)) == ["a.mp4"]
    assert files_in(tmp_path / "c") == before
    with pytest.raises(InputError, match="expected a file or a folder of poses, got nothing"):
        corpus_view(tmp_path / "c", [], tmp_path / "view", tmp_path / "none.json")


def test_poses_of_videos_that_wait_are_left_out_by_their_whole_name(tmp_path):
    poses = ("day/street.json", "night/street.json", "night/square.json", "park.json", "street.json")
    touched(*(tmp_path / "c" / name for name in ("day/street.mp4", "night/street.mp4", "night/square.mp4", "park.mp4")))
    touched(*(tmp_path / "c/poses" / name for name in poses))
    waiting = [tmp_path / "c/night/street.mp4", tmp_path / "c/park.mp4"]
    view = corpus_view(tmp_path / "c", [], tmp_path / "view", without=waiting)
    laid = {name for name in poses if (view / "poses" / name).is_file()}
    assert laid == {"day/street.json", "night/square.json", "street.json"}


def test_a_cover_does_not_hide_the_videos_beside_it(tmp_path):
    touched(tmp_path / "c/a.mp4", tmp_path / "c/cover.jpg")
    assert boxes_of(corpus_view(tmp_path / "c", [], tmp_path / "view")) == {"a.mp4": ""}


def test_results_of_each_video_are_the_files_that_were_written_for_it(tmp_path):
    workspace = Workspace(tmp_path / "data", tmp_path / "artifacts", tmp_path / "reports", tmp_path / ".corrtrack")
    claim_out_folder(tmp_path)
    street = [workspace.tables / "poses/street.parquet", workspace.exports / "coco/merged/street.json"]
    park = [workspace.reports / "clips/park.mp4"]
    for path in (*street, *park, workspace.tables / "scores.parquet"):
        write_whole(path, "x")
    nested = workspace.tables / "poses/v1.0/street.parquet"
    write_whole(nested, "x")
    touched(workspace.reports / "clips/holiday.mp4", workspace.tables / "poses/.square.7.partial.parquet")
    assert results_by_video(workspace) == {"street": street, "park": park, "v1.0/street": [nested]}


@pytest.mark.parametrize(
    ("corpus", "detections", "message"),
    [
        ("nothing", [], "expected a video, a folder of videos or frames, or a folder like data/, got nothing"),
        ("empty.mp4", [], "expected a video, got an empty file"),
        ("pipe.mp4", [], "expected a video file or a folder, got a pipe or a device"),
        ("a.txt", [], r"expected a video \(.*\.avi, .*\.webm, .*\) or a folder"),
        ("c", ["z.txt"], r"expected the name of a video without annotations \(a, b\), got z"),
        ("c", ["missing.txt"], "expected a file in MOT form"),
        ("c", ["new.json"], "give boxes of a bare video in MOT form"),
    ],
)
def test_what_fits_nothing_is_refused(tmp_path, corpus, detections, message):
    touched(*(tmp_path / name for name in ("c/a.mp4", "c/b.mp4", "a.txt", "z.txt", "new.json")))
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match=message):
        corpus_view(tmp_path / corpus, [tmp_path / name for name in detections], tmp_path / "view")
