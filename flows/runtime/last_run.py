"""The last finished run of an out folder: what it read and wrote, so that a run without changes ends at once."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.content_key import content_key
from tasks.whole_files import write_whole

Stamp = list[int]
"""Size in bytes and time of the last change in nanoseconds."""


class LastRun:
    """The record `path` of a run that finished: its inputs, and the files that it left below `folders`."""

    def __init__(self, path: Path, folders: Iterable[Path]) -> None:
        self._path = path
        self._folders = list(folders)

    def is_current(self, inputs: Mapping[str, Any]) -> bool:
        """Whether the last run had these inputs and every file that it wrote is still as it left it."""
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
            return bool(record["inputs"] == content_key(inputs) and record["files"].items() <= self._files().items())
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return False

    def record(self, inputs: Mapping[str, Any]) -> None:
        """Note that a run with these inputs has finished."""
        write_whole(self._path, json.dumps({"inputs": content_key(inputs), "files": self._files()}) + "\n")

    def forget(self) -> None:
        """Note that the files are about to change."""
        self._path.unlink(missing_ok=True)

    def _files(self) -> dict[str, Stamp]:
        return {name: stamp for folder in self._folders for name, stamp in stamps(folder).items()}


def stamps(folder: Path) -> dict[str, Stamp]:
    """Path and stamp of every file below `folder`, behind links too."""
    return {str(path): stamp(status) for path, status in _walk(folder)}


def stamp(status: os.stat_result) -> Stamp:
    """Size and time of a file."""
    return [status.st_size, status.st_mtime_ns]


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    seen: set[tuple[int, int]] = set()
    for directory, folders, names in os.walk(folder, followlinks=True):
        status = Path(directory).stat()
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in names:
            path = Path(directory, name)
            if path.is_file():
                yield path, path.stat()
