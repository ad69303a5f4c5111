"""Folders that corrtrack writes to: what it wrote is listed, and only what is listed is replaced or deleted.

An out folder, which a user names with --out, holds a marker. It is made together with the folder, and lists the files
that were written below it, one relative path per line, so that a file of the user's own is never touched. A checkout
keeps the same list in its working state, for `make clean`; there DVC owns the outputs, and nothing is refused.
"""

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from tasks.errors import InputError, unwritable

MARKER: Final = ".corrtrack-out"
_HEADER: Final = "corrtrack out folder, version 1"
_STATE: Final = ".corrtrack"
"""Folder of the working state, which is the tool's own as a whole."""
_SHOWN: Final = 3
_URL: Final = re.compile(r"[a-z0-9]+:/")
"""The begin of a URL, which a path holds with a single slash."""


class WrittenFiles:
    """The files that corrtrack wrote below `root`.

    Args:
        root: The out folder, or the checkout.
        listing: The file that lists them; lines are only ever appended, so that processes can share it.
        is_strict: Whether a file that is not listed must stay as it is.
    """

    def __init__(self, root: Path, listing: Path, *, is_strict: bool) -> None:
        self._root, self._listing, self._is_strict = root, listing, is_strict
        self._names: set[str] = set()

    def __contains__(self, path: Path) -> bool:
        name = self._name(path)
        if name not in self._names:  # another process may have written it
            self._names = set(_lines(self._listing))
        return name in self._names

    def require_replaceable(self, path: Path) -> None:
        """Refuse to replace a file that corrtrack did not write; `InputError` names it."""
        if self._is_strict and os.path.lexists(path) and path not in self:
            raise InputError(
                f"{path}: expected no file or one that corrtrack wrote, found a file of another origin; move it away"
            )

    def record(self, path: Path) -> None:
        """List a file that is about to appear."""
        name = self._name(path)
        if name in self._names:
            return
        self._listing.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._listing, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, f"{name}\n".encode(errors="surrogateescape"))
        finally:
            os.close(descriptor)
        self._names.add(name)

    def remove(self, path: Path) -> bool:
        """Delete `path` unless it is of another origin, and return whether it was there and is gone."""
        if not os.path.lexists(path) or (self._is_strict and path not in self):
            return False
        path.unlink()
        return True

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def claim_out_folder(folder: Path, *, inputs: Iterable[Path] = ()) -> Path:
    """The absolute path of an out folder, made and marked if it is new.

    Args:
        folder: What the user named.
        inputs: Files and folders that are read; none may lie in the out folder, or hold it.

    Raises:
        InputError: the folder holds files of another origin, overlaps an input, or cannot be written to.
    """
    if _URL.match(str(folder)):
        raise InputError(f"--out {folder}: expected a folder on a disk, got a URL; copy the folder there after the run")
    _opened.cache_clear()  # the folder may have been deleted and made anew
    folder = folder.expanduser().resolve()
    for path in inputs:
        _require_apart(folder, path.expanduser().resolve())
    try:
        if folder.exists():
            _require_own(folder)
        else:
            folder.mkdir(parents=True)
        if not (folder / MARKER).exists():
            partial = folder / f"{MARKER}.{os.getpid()}.partial"
            partial.write_text(f"{_HEADER}\n", encoding="utf-8")
            partial.replace(folder / MARKER)
    except OSError as error:
        raise unwritable(error, f"--out {folder}: expected a folder that can be written to") from error
    return folder


def written_files(path: Path) -> WrittenFiles | None:
    """The list that `path` belongs to: that of the nearest out folder or checkout above it. None for other files.

    Working state belongs to no list.
    """
    path = path.absolute()
    for folder in path.parents:
        if folder.name == _STATE:
            return None
        if (names := _list_of(folder)) is not None:
            return names
    return None


def remove_written(path: Path) -> bool:
    """Delete a file, unless it lies in an out folder and is of another origin; return whether it was deleted."""
    path = path.absolute()
    if (written := written_files(path)) is not None:
        return written.remove(path)
    exists = os.path.lexists(path)
    path.unlink(missing_ok=True)
    return exists


def _list_of(folder: Path) -> WrittenFiles | None:
    if (folder / MARKER).is_file():
        return _opened(folder, folder / MARKER, is_strict=True)
    if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
        return _opened(folder, folder / _STATE / "written.txt", is_strict=False)
    return None


@cache
def _opened(folder: Path, listing: Path, *, is_strict: bool) -> WrittenFiles:
    return WrittenFiles(folder, listing, is_strict=is_strict)


def _require_apart(folder: Path, path: Path) -> None:
    if path == folder or folder in path.parents:
        raise InputError(f"--out {folder}: expected a folder apart from the input, found {path} in it; name another")
    if path in folder.parents:
        raise InputError(f"--out {folder}: expected a folder apart from the input, found it in {path}; name another")


def _require_own(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"--out {folder}: expected a folder, found a file; name another")
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(MARKER))
    header = next(iter(_lines(folder / MARKER)), None)
    if header == _HEADER:
        return
    if header is not None:
        raise InputError(f"--out {folder}: expected the marker {_HEADER!r} in {MARKER}, found {header!r}; name another")
    if names:
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        raise InputError(
            f"--out {folder}: expected a new or empty folder, or one that corrtrack made, found {shown}; name another"
        )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []
