"""What files decoded to before, by their bytes, so that an unchanged corpus is neither decoded nor read again."""

import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from tasks.content_key import file_digest, is_certain, stamp_of
from tasks.whole_files import write_whole

_CURRENT: ContextVar["DecodedFiles | None"] = ContextVar("decoded files", default=None)


class DecodedFiles:
    """A file of JSON lines: digests of files by their stamps, and what was decoded by the digests.

    While a stamp (`stamp_of`) is the same, so are the bytes. Lines are only appended, so that a run that is killed
    loses nothing; the file may be deleted at a cost of time only.

    Args:
        path: the file; absent, or of another `code`, it starts empty.
        code: key of what decodes.
    """

    def __init__(self, path: Path, code: str) -> None:
        self._path = path
        self._is_cut_off = path.is_file() and not path.read_bytes().endswith(b"\n")
        self._digests: dict[str, str] = {}
        self._decoded: dict[str, Any] = {}
        lines = _lines(path)
        if next(lines, {}).get("code") != code:
            write_whole(path, json.dumps({"code": code}) + "\n")
            self._is_cut_off = False
            return
        for line in lines:
            if "stamp" in line:
                self._digests[line["stamp"]] = line["sha256"]
            else:
                self._decoded[line["of"]] = line["decoded"]

    def digest(self, path: Path) -> str:
        """SHA-256 of the file as hex; it is read only where its stamp is new.

        Raises:
            OSError: it cannot be read.
        """
        stamp = stamp_of(path)
        if (known := self._digests.get(stamp)) is not None:
            return known
        digest = file_digest(path)
        if is_certain(path, stamp):
            self._digests[stamp] = digest
            self._append({"stamp": stamp, "sha256": digest})
        return digest

    def of(self, path: Path, kind: str, decode: Callable[[], dict[str, Any] | None]) -> tuple[str, Any]:
        """Digest of the file, and what `decode` makes of it as JSON, now or when these bytes were first met.

        Args:
            path: the file.
            kind: video or picture.
            decode: gives None for what must be tried again each time.

        Raises:
            OSError: it cannot be read.
        """
        before, digest = stamp_of(path), self.digest(path)
        name = f"{kind} {digest}"
        if (known := self._decoded.get(name)) is not None:
            return digest, known
        decoded = decode()
        if decoded is not None and stamp_of(path) == before:  # it was not changed meanwhile
            self._decoded[name] = decoded
            self._append({"of": name, "decoded": decoded})
        return digest, decoded

    def _append(self, line: dict[str, Any]) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, ("\n" * self._is_cut_off + json.dumps(line) + "\n").encode())
            self._is_cut_off = False
        finally:
            os.close(descriptor)


def forget_decoded(path: Path, digests: Collection[str]) -> None:
    """Let the bytes of these digests be decoded again by whoever opens the file `path` next."""
    lines = [line for line in _lines(path) if str(line.get("of", "")).partition(" ")[2] not in digests]
    if lines:
        write_whole(path, "".join(json.dumps(line) + "\n" for line in lines))


def current() -> DecodedFiles | None:
    """What was decoded before, where somebody keeps it."""
    return _CURRENT.get()


@contextmanager
def kept_in(files: DecodedFiles) -> Iterator[None]:
    """Let readers inside the with block look up and keep there what they decode."""
    token = _CURRENT.set(files)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines of the file; one that a killed run cut off is passed over."""
    try:
        with path.open(encoding="utf-8") as file:
            for text in file:
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if isinstance(line, dict):
                    yield line
    except OSError:
        return
