"""The stage index on whole, partial, broken and real corpora."""

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tasks import index
from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.formats import video_search
from tasks.params.loading import load_params
from tasks.progress import Progress, as_current, progress_file, read_events
from tasks.tables import TABLES, read_table
from tasks.workspace import Workspace

INDEX_TABLES = ("videos", "frames", "images", "persons", "file_poses", "rejects")


def _run(data: Path, artifacts: Path) -> Progress:
    workspace = Workspace(data, artifacts, artifacts, artifacts)
    progress = Progress(artifacts, "index")
    with as_current(progress):
        index.run(workspace, load_params(REPOSITORY / "params.yaml"))
    return progress


def _rows(artifacts: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(TABLES[name], artifacts / "tables" / f"{name}.parquet").to_pylist()
    return rows


@pytest.fixture
def whole(tmp_path: Path, coco: Any, posetrack: Any, video_file: Any) -> Path:
    coco.write()
    posetrack.write()
    video_file(tmp_path / "videos/walk.mp4", 4)
    return tmp_path


@pytest.fixture
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("artifacts")


def test_all_readers_together_fill_all_tables(whole: Path, artifacts: Path) -> None:
    progress = _run(whole, artifacts)
    counts = {name: len(_rows(artifacts, name)) for name in INDEX_TABLES}
    assert counts == {"videos": 2, "frames": 7, "images": 2, "persons": 6, "file_poses": 0, "rejects": 0}
    assert progress.metrics == counts


def test_the_corpus_is_searched_once_and_all_of_it_is_counted_as_done(
    whole: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched, search = [], video_search._search

    def counting(*arguments: Any, **options: Any) -> None:
        searched.append(arguments[1])
        search(*arguments, **options)

    monkeypatch.setattr(video_search, "_search", counting)
    shutil.copy(whole / "videos/walk.mp4", whole / "walk.mp4")
    _run(whole, artifacts)
    assert searched.count(whole) == 1
    events, _ = read_events(progress_file(artifacts, "index"))
    [total] = [event["total"] for event in events if event["kind"] == "start"]
    assert (total, max(event["done"] for event in events if event["kind"] == "advance")) == (4, 4)


def test_the_same_corpus_gives_the_same_bytes(whole: Path, artifacts: Path) -> None:
    _run(whole, artifacts / "one")
    _run(whole, artifacts / "two")
    for name in INDEX_TABLES:
        first, second = (artifacts / run / "tables" / f"{name}.parquet" for run in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_what_is_missing_is_said_in_one_sentence_each(whole: Path, artifacts: Path) -> None:
    notices = _run(whole, artifacts).notices
    assert sorted(notice.split(":")[0] for notice in notices) == [
        "no COCO validation persons",
        "no validation videos with labelled frames",
    ]


def test_a_corpus_of_bare_videos_needs_one_sentence_only(tmp_path: Path, artifacts: Path, video_file: Any) -> None:
    video_file(tmp_path / "walk.mp4", 3)
    [notice] = _run(tmp_path, artifacts).notices
    assert "no annotated persons" in notice


def test_videos_of_one_labelled_frame_are_said(tmp_path: Path, artifacts: Path, posetrack: Any) -> None:
    posetrack.images[1]["is_labeled"] = False
    posetrack.write("val")
    notices = _run(tmp_path, artifacts).notices
    assert "1 of 1 validation videos have a single labelled frame: MOTA is undefined on them" in notices


def test_a_broken_thing_in_every_part_loses_nothing_else(whole: Path, artifacts: Path, posetrack: Any) -> None:
    (whole / "coco_tiny/images/train2017/a.png").write_bytes(b"broken")
    (posetrack.root / "annotations/train/000009_mpii.json").write_text("{")
    (whole / "videos/broken.mp4").write_bytes(b"broken")
    posetrack.persons[0]["keypoints"] = []
    posetrack.write()
    _run(whole, artifacts)
    assert {name: len(_rows(artifacts, name)) for name in INDEX_TABLES} == {
        **{"videos": 2, "frames": 7, "images": 1, "persons": 4, "file_poses": 0, "rejects": 4},
    }
    assert {(row["stage"], row["source"], row["location"]) for row in _rows(artifacts, "rejects")} == {
        ("index", "coco_tiny/annotations/person_keypoints_train2017.json", "image 1"),
        ("index", "posetrack/annotations/train/000001_mpii_train.json", "person 1000"),
        ("index", "posetrack/annotations/train/000009_mpii.json", ""),
        ("index", "videos/broken.mp4", ""),
    }


def test_a_bare_video_with_the_name_of_an_annotated_one_is_reported(
    whole: Path, artifacts: Path, video_file: Any
) -> None:
    video_file(whole / "videos/000001_mpii_train.mp4", 2)
    _run(whole, artifacts)
    assert len(_rows(artifacts, "videos")) == 2
    [reject] = _rows(artifacts, "rejects")
    assert "expected a unique video name" in reject["reason"]


def test_python_objects_of_frames_last_no_longer_than_their_video(
    tmp_path: Path, artifacts: Path, video_file: Any
) -> None:
    def peak(videos: int) -> int:
        for number in range(videos):
            shutil.copy(template, data / f"{number}.mp4")
        tracemalloc.start()
        _run(data, artifacts)
        bytes_at_most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return bytes_at_most

    template, data = video_file(tmp_path / "walk.mp4", 300), tmp_path / "data"
    data.mkdir()
    _run(tmp_path, artifacts)  # what is imported and kept once counts for neither
    more_bytes = -peak(5) + peak(45)
    assert len(_rows(artifacts, "frames")) == 45 * 300
    assert more_bytes < 40 * 300 * 100, "a frame takes 500 bytes or more as a Python object"


@pytest.mark.parametrize("content", ["nothing", "a text", "a broken video"])
def test_an_unusable_corpus_says_which_layout_is_expected(content: str, tmp_path: Path, artifacts: Path) -> None:
    data = tmp_path / "data"
    if content != "nothing":
        data.mkdir()
        (data / ("a.txt" if content == "a text" else "a.mp4")).write_text("nonsense")
    with pytest.raises(InputError, match=r"expected a .*person_keypoints.*posetrack.*/annotations.*bare videos"):
        _run(data, artifacts)
    assert not list(artifacts.rglob("*.parquet"))


def _command(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_command_indexes_the_corpus_of_the_working_folder(coco: Any, tmp_path: Path) -> None:
    coco.data = tmp_path
    coco.write()
    (tmp_path / "data").mkdir()
    (tmp_path / "coco_tiny").rename(tmp_path / "data/coco_tiny")
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    ran = _command(["-m", "tasks", "index"], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert len(_rows(tmp_path / "artifacts", "persons")) == 2
    record = json.loads((tmp_path / "artifacts/provenance/index.json").read_text())
    assert record["summary"]["persons"] == 2
    assert "no training videos: no threshold can be chosen on the training split" in record["notices"]


def test_the_command_without_a_corpus_ends_with_2_and_one_line(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    ran = _command(["-m", "tasks", "index"], tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 1
    assert "expected a folder with a corpus, got none" in ran.stderr
    assert not (tmp_path / "artifacts").exists()


def test_the_runner_itself_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = "{'torch', 'ray', 'cv2', 'pyarrow', 'numpy', 'pandas'}"
    ran = _command(["-c", f"import sys, tasks.__main__; print({heavy} & set(sys.modules))"], tmp_path)
    assert ran.stdout == "set()\n", ran.stderr


REAL = os.environ.get("CORRTRACK_REAL_DATA")
real_data = pytest.mark.skipif(REAL is None, reason="CORRTRACK_REAL_DATA does not name a folder of real samples")


@real_data
def test_real_samples_are_indexed_whole(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "coco_2017").symlink_to(Path(str(REAL)) / "coco_2017")
    (data / "posetrack").symlink_to(Path(str(REAL)) / "posetrack18_samples")
    notices = _run(data, tmp_path).notices
    images, persons = _rows(tmp_path, "images"), _rows(tmp_path, "persons")
    assert [sum(row["split"] == split for row in images) for split in ("train", "val")] == [103, 88]
    assert sum(row["source"] == "coco" for row in persons) == 383 + 403
    assert sum(row["source"] == "posetrack" for row in persons) == 14
    assert {row["source"].rsplit("/", 1)[1] for row in _rows(tmp_path, "rejects")} == {
        "test_posetrack18_human_detections.json",
        "test_posetrack18_val.json",
    }
    assert "no PoseTrack training persons: finetuning keeps the weights of COCO" in notices


@real_data
def test_a_real_video_has_all_its_frames(tmp_path: Path) -> None:
    _run(Path(str(REAL)) / "pets09_s2l1", tmp_path)
    [video] = _rows(tmp_path, "videos")
    assert (video["frame_count"], video["width"], video["height"]) == (795, 768, 576)


def test_poses_of_another_program_become_a_table(whole: Path, artifacts: Path) -> None:
    (whole / "poses").mkdir()
    person = {"frame_index": 2, "keypoints": [5.0, 6.0, 0.5] * 17, "score": 0.25}
    (whole / "poses/walk.json").write_text(json.dumps([person]))
    (whole / "poses/nobody.txt").write_text("no poses")
    progress = _run(whole, artifacts)
    [row] = _rows(artifacts, "file_poses")
    assert (row["video_id"], row["frame_index"], row["person_score"], row["x"][0]) == ("walk", 2, 0.25, 5.0)
    assert "poses from files: 1 read as coco-results, frames by their index from 0" in progress.notices
    [reject] = _rows(artifacts, "rejects")
    assert (reject["source"], reject["reason"][:34]) == ("poses/nobody.txt", "expected poses in a known format (")
