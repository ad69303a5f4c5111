"""Writes the whole demo corpus, and checks whether a data folder holds it."""

import json
import re
import shutil
from pathlib import Path
from typing import Final

from tasks.demo_corpus.coco_layout import write_coco
from tasks.demo_corpus.drawing import drawing
from tasks.demo_corpus.files import Json, Report, log_progress, one_thread, write_json
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.posetrack_layout import write_posetrack

VERSION: Final = 4
"""Raised whenever the same parameters and seed give another corpus."""
MARKER: Final = "demo_corpus.json"
_VIDEO: Final = r"(train|val)/\d{6}_mpii_demo"
_FILE: Final = re.compile(
    rf"{re.escape(MARKER)}|coco_demo/(annotations/person_keypoints_(train|val)\.json|images/(train|val)/\d{{12}}\.jpg)"
    rf"|posetrack/(detections/(train|val)\.json|annotations/{_VIDEO}\.json|images/{_VIDEO}/\d{{6}}\.jpg"
    rf"|flow/{_VIDEO}/\d{{6}}\.png)"
)
"""Paths of all files that `synthesise` writes, with any parameters."""


def synthesise(root: Path, corpus: CorpusParams, *, seed: int, report: Report = log_progress) -> None:
    """Writes the demo corpus as the folder `root`, in the layouts of COCO keypoints and PoseTrack18.

    Everything is written beside `root` first and renamed at the end, so a broken run leaves no half corpus. `report`
    gets the progress. Same corpus parameters and seed: same bytes on one machine. Raises FileExistsError
    when `root` holds anything that is not of a demo corpus.
    """
    if files := foreign_files(root):
        raise FileExistsError(
            f"{root}: expected no data or an earlier demo corpus, found other files, such as {files[0]}; move them away"
        )
    beside = root.with_name(f".{root.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        with one_thread(), drawing(_pictures(corpus)) as draw_all:
            for split in ("train", "val"):
                write_coco(beside, corpus, seed=seed, split=split, report=report, draw_all=draw_all)
                write_posetrack(beside, corpus, seed=seed, split=split, report=report, draw_all=draw_all)
        write_json(beside / MARKER, _marker(corpus, seed))
        shutil.rmtree(root, ignore_errors=True)
        beside.rename(root)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _pictures(corpus: CorpusParams) -> int:
    videos = corpus.train_videos + corpus.val_videos
    return corpus.coco_train_images + corpus.coco_val_images + videos * corpus.frames_per_video


def foreign_files(root: Path) -> list[str]:
    """Files below `root`, by their paths in it, that `synthesise` did not write and must not delete.

    Without the marker of a demo corpus these are all files.
    """
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() or path.is_file())
    return [name for name in files if not _FILE.fullmatch(name)] if is_demo(root) else files


def is_demo(root: Path) -> bool:
    """Whether `root` was written by `synthesise`, with whatever parameters."""
    return _read_marker(root) is not None


def is_current(root: Path, corpus: CorpusParams, seed: int) -> bool:
    """Whether `root` is the demo corpus of exactly these parameters, this seed and this version of the synthesiser."""
    return _read_marker(root) == _marker(corpus, seed)


def _marker(corpus: CorpusParams, seed: int) -> Json:
    return {"version": VERSION, "seed": seed, "corpus": json.loads(corpus.model_dump_json())}


def _read_marker(root: Path) -> Json | None:
    path = root / MARKER
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and {"version", "seed", "corpus"} <= content.keys() else None
