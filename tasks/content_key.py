"""Content keys, equal exactly when everything that a result depends on is equal; digests of files by their stamps."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tasks.code_files import REPOSITORY, code_files
from tasks.provenance import versions
from tasks.whole_files import write_whole

_RACE_SECONDS: Final = 2.0
"""A younger change may be followed by one that the clock of the file system cannot distinguish from it."""


def content_key(parts: Any) -> str:
    """SHA-256 as hex over `parts`: JSON values, bytes, and paths, of which the content counts and not the name.

    Mappings and sequences of them may nest; the order of a mapping's keys does not matter.
    """
    text = json.dumps(_as_json(parts), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def code_key(*modules: str) -> str:
    """Key of all code that importing `modules` runs, and of the data files beside it."""
    return content_key({name: REPOSITORY / name for name in code_files(*modules)})


def packages_key() -> str:
    """Key of the packages that code runs with: the lock file, or the installed versions where there is none."""
    lock = REPOSITORY / "requirements.lock"
    return content_key(lock if lock.is_file() else versions())


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a file's bytes as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _as_json(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {str(name): _as_json(inner) for name, inner in part.items()}
    if isinstance(part, list | tuple):
        return [_as_json(inner) for inner in part]
    if isinstance(part, Path):
        return {"sha256": file_digest(part)}
    return {"sha256": hashlib.sha256(part).hexdigest()} if isinstance(part, bytes) else part


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
        self._before = _known_digests(path)
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


def _known_digests(path: Path) -> Mapping[str, list[str]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
