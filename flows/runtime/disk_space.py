"""Whether a corpus fits on the disk: estimated from its frames before the long stages begin."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tasks.errors import MachineError
from tasks.tables import read_table
from tasks.tables.schemas import VIDEOS
from tasks.workspace import Workspace

BYTES_PER_FRAME: Final = 80 << 10
"""Shards, tables and exports; measured on the demo: 384 frames with 8 poses each take 30 MiB."""
BYTES_OF_A_RUN: Final = 64 << 20
"""Weights, page, clips and logs; measured on runs of few frames: 16 MiB, and the history of the runs."""
_CLEARLY: Final = 2
"""An estimate that is exceeded by less is a warning: videos with few people need less."""


def require_space(workspace: Workspace, report: Callable[[str], object]) -> None:
    """Report, or refuse, a corpus whose results are expected not to fit; what earlier runs wrote counts as free.

    Raises:
        MachineError: not even half of what is expected is free.
    """
    videos = read_table(VIDEOS, VIDEOS.path(workspace.tables), ["media", "frame_count"]).to_pylist()
    frames = sum(video["frame_count"] for video in videos)
    expected = expected_bytes(frames, sum(_size(workspace.data / video["media"]) for video in videos))
    folder = workspace.artifacts.parent
    free = shutil.disk_usage(folder).free
    if free >= expected or (free := free + _written(folder)) >= expected:
        return
    sentence = lack(folder, frames, expected=expected, free=free)
    if free * _CLEARLY < expected:
        raise MachineError(f"{sentence}; make room, or choose another --out, and run the same command again")
    report(sentence)


def expected_bytes(frames: int, media_bytes: int) -> int:
    """What a run of so many frames writes: an overlay is about as large as its video."""
    return BYTES_OF_A_RUN + frames * BYTES_PER_FRAME + media_bytes


def lack(folder: Path, frames: int, *, expected: int, free: int) -> str:
    """The sentence that names the disk, what is free there, and what the frames need."""
    return f"{folder}: expected about {_mib(expected)} free on its disk for {frames} frames, got {_mib(free)}"


def _mib(size: int) -> str:
    return f"{size >> 20} MiB" if size < 10 << 30 else f"{size >> 30} GiB"


def _size(media: Path) -> int:
    """Bytes of a video file; a folder of pictures becomes a smaller overlay, which is not counted."""
    return media.stat().st_size if media.is_file() else 0


def _written(folder: Path) -> int:
    """Bytes of the files in an out folder; links are not followed."""
    total = 0
    for root, _, names in os.walk(folder):
        total += sum(path.lstat().st_size for path in (Path(root, name) for name in names) if path.is_file())
    return total
