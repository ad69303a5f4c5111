"""Digests of files by their stamps, so that an unchanged file is read once and not again in each run."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tasks.content_key import file_digest
from tasks.whole_files import write_whole

_RACE_SECONDS: Final = 2.0
"""A younger change may be followed by one that the clock of the file system cannot distinguish from it."""


def stamp_of(path: Path) -> str:
    """Device, inode, size, and times of the last change of content and of status: while equal, so are the bytes."""
    status = path.stat()
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return "-".join(map(str, numbers))


def is_certain(path: Path, stamp: str) -> bool:
    """Whether the file still has the stamp, and is old enough for a later change to show in it."""
    return stamp_of(path) == stamp and time.time() - path.stat().st_ctime > _RACE_SECONDS


class KnownDigests:
    """Digests of files of an earlier run, kept in `path`, which may be deleted at a cost of time only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = _read(path)
        self._now: dict[str, list[str]] = {}

    def digest(self, path: Path) -> str:
        """SHA-256 of the file as hex; it is read only where its stamp is new.

        Raises:
            OSError: it cannot be read.
        """
        name, stamp = str(path), stamp_of(path)
        known = self._now.get(name) or self._before.get(name)
        if known is not None and known[0] == stamp:
            self._now[name] = known
            return known[1]
        digest = file_digest(path)
        if is_certain(path, stamp):
            self._now[name] = [stamp, digest]
        return digest

    def keep(self) -> None:
        """Keep the digests that this run asked for, for the next one."""
        write_whole(self._path, json.dumps(self._now) + "\n")


def _read(path: Path) -> Mapping[str, list[str]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
