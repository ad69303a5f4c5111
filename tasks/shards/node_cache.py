"""The files that a node without the driver's disk has got from elsewhere: each once, the last used within a size.

An entry is a folder that appears whole. Beside it lies a file with its size, whose time is that of the last use.
Whoever uses the entry shares the lock of that file, whoever makes or deletes the entry holds it alone, and the system
releases it however a worker ends. So workers of a node wait for one to fetch what all need, and nothing in use is
deleted.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Final, Protocol

from tasks.errors import InputError
from tasks.shards.store_uses import exclusive

_LOCK: Final = ".lock"


class Cacheable(Protocol):
    """What an entry can hold."""

    @property
    def key(self) -> str:
        """Its name: equal exactly when the content is."""

    @property
    def size(self) -> int:
        """Bytes."""

    def fill(self, folder: Path) -> None:
        """Write the files into an empty folder."""

    def is_whole(self, folder: Path) -> bool:
        """Whether the folder still holds them."""


class NodeCache:
    """The cache of a node.

    Args:
        chosen: its folder, `compute.node_cache`, where `~` and variables are those of the node.
        max_bytes: of all entries; those that workers use stay whatever the limit. None: any size.
    """

    def __init__(self, chosen: str | None, max_bytes: float | None) -> None:
        named = chosen or f"{tempfile.gettempdir()}/corrtrack-{os.getuid()}-node"
        self.folder = Path(os.path.expandvars(named)).expanduser()
        self._entries, self._max_bytes = self.folder / "entries", max_bytes
        self._whole: set[str] = set()

    def open(self) -> None:
        """Make the folder where it is not there.

        Raises:
            InputError: it is no absolute path, or another user's.
        """
        if not self.folder.is_absolute():
            raise InputError(f"compute.node_cache: expected an absolute path, got {self.folder}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.getuid():
            raise InputError(f"compute.node_cache: expected a folder of this user, got {self.folder} of another")
        for name in ("entries", "workers"):
            (self.folder / name).mkdir(exist_ok=True)

    @contextmanager
    def hold(self, content: Cacheable) -> Iterator[Path]:
        """The folder of an entry, made where it is not there, and kept while the block runs.

        Raises:
            Exception: whatever `fill` raises.
        """
        entry = self._entries / content.key
        while True:
            with _locked(_lock_of(entry), fcntl.LOCK_SH):
                if self._has(entry, content):
                    os.utime(_lock_of(entry), ns=(time.time_ns(), time.time_ns()))  # the system's own clock is coarser
                    yield entry
                    return
            with _locked(_lock_of(entry), fcntl.LOCK_EX) as lock:
                if not self._has(entry, content):
                    self._make(entry, content, lock)

    @contextmanager
    def worker_folder(self) -> Iterator[Path]:
        """An empty folder of one worker, which another one gets after it."""
        folders = (self.folder / "workers" / str(number) for number in count())
        with ExitStack() as held:
            folder = next(folder for folder in folders if _is_taken(folder, held))
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            yield folder

    def _has(self, entry: Path, content: Cacheable) -> bool:
        """Whether the entry is there, and whole at the first look."""
        if entry.is_dir() and (content.key in self._whole or content.is_whole(entry)):
            self._whole.add(content.key)
            return True
        return False

    def _make(self, entry: Path, content: Cacheable, lock: IO[str]) -> None:
        partial = _partial_of(entry)
        try:
            _delete_files(entry)
            self._make_room(content.size, lock)
            partial.mkdir()
            content.fill(partial)
            partial.rename(entry)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            _lock_of(entry).unlink(missing_ok=True)
            raise

    def _make_room(self, size: int, lock: IO[str]) -> None:
        """Delete the least recently used entries that nobody uses until `size` fits, and note it as used."""
        with exclusive(self._entries):
            lock.truncate(0)
            sizes = {path: _size(path) for path in sorted(self._entries.glob(f"[0-9a-f]*{_LOCK}"), key=_last_use)}
            excess = sum(sizes.values()) + size - (self._max_bytes or float("inf"))
            for path, bytes_of_entry in sizes.items():
                if excess > 0 and _is_deleted(path):
                    excess -= bytes_of_entry
            lock.write(str(size))
            lock.flush()


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[IO[str]]:
    """Hold the lock of a file that others may delete meanwhile; with LOCK_NB raises BlockingIOError."""
    while True:
        with path.open("a+", encoding="ascii") as lock:
            fcntl.flock(lock, kind)
            if _is_at(path, lock):
                yield lock
                return


def _is_at(path: Path, lock: IO[str]) -> bool:
    """Whether the open file still lies at the path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False


def _is_taken(folder: Path, held: ExitStack) -> bool:
    """Take the lock of a folder for as long as `held`, unless somebody else has it."""
    with suppress(BlockingIOError):
        held.enter_context(_locked(_lock_of(folder), fcntl.LOCK_EX | fcntl.LOCK_NB))
        return True
    return False


def _is_deleted(lock_file: Path) -> bool:
    """Delete an entry unless it is in use; whether it is deleted."""
    entry = lock_file.with_name(lock_file.name.removesuffix(_LOCK))
    with ExitStack() as held:
        if not _is_taken(entry, held):
            return False
        _delete_files(entry)
        lock_file.unlink()
        return True


def _delete_files(entry: Path) -> None:
    """Delete an entry, out of sight at once, and what a killed worker began to write of it."""
    partial = _partial_of(entry)
    shutil.rmtree(partial, ignore_errors=True)
    if entry.is_dir():
        entry.rename(partial)
        shutil.rmtree(partial, ignore_errors=True)


def _lock_of(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}{_LOCK}")


def _partial_of(entry: Path) -> Path:
    return entry.with_name(f".{entry.name}.partial")


def _size(lock_file: Path) -> int:
    with suppress(OSError, ValueError):
        return int(lock_file.read_text(encoding="ascii"))
    return 0


def _last_use(lock_file: Path) -> int:
    """In ns since 1970."""
    with suppress(FileNotFoundError):
        return lock_file.stat().st_mtime_ns
    return 0
