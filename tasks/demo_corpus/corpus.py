"""Writes the whole demo corpus, and checks whether a data folder holds it."""

import json
import shutil
from pathlib import Path
from typing import Final

from tasks.demo_corpus.coco_layout import write_coco
from tasks.demo_corpus.files import Json, Report, log_progress, one_thread, write_json
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.posetrack_layout import write_posetrack

VERSION: Final = 4
"""Raised whenever the same parameters and seed give another corpus."""
MARKER: Final = "demo_corpus.json"


def synthesise(root: Path, corpus: CorpusParams, *, seed: int, report: Report = log_progress) -> None:
    """Writes the demo corpus as the folder `root`, in the layouts of COCO keypoints and PoseTrack18.

    Everything is written beside `root` first and renamed at the end, so a broken run leaves no half corpus. `report`
    gets the progress. Same corpus parameters and seed: same bytes on one machine. Raises FileExistsError
    when `root` holds anything that is not a demo corpus.
    """
    if root.exists() and any(root.iterdir()) and not is_demo(root):
        raise FileExistsError(
            f"{root}: expected no data or an earlier demo corpus, found other files; move them away first"
        )
    beside = root.with_name(f".{root.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        with one_thread():
            for split in ("train", "val"):
                write_coco(beside, corpus, seed=seed, split=split, report=report)
                write_posetrack(beside, corpus, seed=seed, split=split, report=report)
        write_json(beside / MARKER, _marker(corpus, seed))
        shutil.rmtree(root, ignore_errors=True)
        beside.rename(root)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


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
