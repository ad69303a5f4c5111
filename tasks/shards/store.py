"""Finished shards by the content they were made from: written once, checked at each reading, copied out."""

import contextlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tasks.content_key import file_digest
from tasks.shards.work import Entry, ShardRows
from tasks.tables import Table, write_blocks
from tasks.whole_files import whole_file

try:
    from fcntl import ioctl
except ImportError:  # no reflinks on this system
    ioctl = None  # type: ignore[assignment]

_LOG: Final = logging.getLogger(__name__)
MANIFEST: Final = "entry.json"
"""Lists the files of an entry with their digests; its time is that of the last use."""
_FICLONE: Final = 0x40049409


class ShardStore:
    """A folder of finished shards, `<root>/<first two of key>/<key>/<table>.parquet`, safe to share and to delete.

    Args:
        root: the folder, of the shards of all stages.
        outputs: tables of each shard of the stage at work.
    """

    def __init__(self, root: Path, outputs: Iterable[Table]) -> None:
        self._root = root
        self._outputs = {table.name: table for table in outputs}

    def find(self, key: str, *, is_second_look: bool = False) -> Entry | None:
        """Return the finished shard of `key`, complete and with its checksums verified.

        A damaged entry is removed, and None is returned, as for a key that is not stored.
        """
        folder = self._folder(key)
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            digests, reports = dict(manifest["sha256"]), dict(manifest["reports"])
            files = {name: folder / f"{name}.parquet" for name in digests}
            if set(digests) == set(self._outputs) and all(
                file_digest(files[name]) == digest for name, digest in digests.items()
            ):
                _note_use(folder)
                return Entry(files, digests, reports)
        except FileNotFoundError:
            if not folder.exists():
                return None
            if not is_second_look and (folder / MANIFEST).exists():  # another process may have published it just now
                return self.find(key, is_second_look=True)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        _LOG.warning("shard store: entry %s is damaged; it is removed and made again", key[:12])
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def add(self, key: str, rows: Mapping[str, ShardRows], reports: Mapping[str, Any]) -> None:
        """Write the tables of a finished shard; visible at once and whole, and harmless when another was quicker.

        Raises:
            TableError: the rows do not fit their tables.
            ValueError: the rows are not of exactly the output tables.
        """
        if set(rows) != set(self._outputs):
            raise ValueError(f"expected rows of the tables {sorted(self._outputs)}, got {sorted(rows)}")
        with self._new_entry(key) as partial:
            digests = {
                name: file_digest(write_blocks(table, _blocks(rows[name]), partial / f"{name}.parquet"))
                for name, table in self._outputs.items()
            }
            manifest = {"sha256": digests, "reports": dict(reports)}
            (partial / MANIFEST).write_text(json.dumps(manifest, sort_keys=True), encoding="utf-8")

    def take_out(self, key: str) -> dict[str, bytes]:
        """The files of an entry by name; the entry is deleted."""
        files = {path.name: path.read_bytes() for path in self._folder(key).iterdir()}
        shutil.rmtree(self._folder(key), ignore_errors=True)
        return files

    def add_files(self, key: str, files: Mapping[str, bytes]) -> None:
        """Add an entry that was taken out of the store of another node."""
        with self._new_entry(key) as partial:
            for name, content in files.items():
                (partial / name).write_bytes(content)

    @contextlib.contextmanager
    def _new_entry(self, key: str) -> Iterator[Path]:
        """A folder to write an entry into, which is published when the with block ends well."""
        partial = self._root / f".{uuid.uuid4().hex}.partial"
        partial.mkdir(parents=True)
        try:
            yield partial
            self._publish(partial, key)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _publish(self, partial: Path, key: str) -> None:
        folder = self._folder(key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.rename(folder)
        except OSError:
            if self.find(key) is None:  # not another worker's equal entry, but a damaged one, now removed
                partial.rename(folder)

    def _folder(self, key: str) -> Path:
        return self._root / key[:2] / key


def store_folder(state: Path, chosen: str | None) -> Path:
    """Folder of the store: `compute.store`, which checkouts may share, or one in the working state."""
    return Path(chosen).expanduser().absolute() if chosen else state / "store"


def _blocks(rows: ShardRows) -> Iterable[pa.Table]:
    return [rows] if isinstance(rows, pa.Table) else rows


def _note_use(folder: Path) -> None:
    with contextlib.suppress(OSError):  # a store that can only be read serves too
        os.utime(folder / MANIFEST)


def copy_out(source: Path, target: Path, digest: str) -> None:
    """Put a copy of a store file at `target` in one step: by reflink where the file system can, never a hard link.

    Raises:
        OSError: the copy does not have the `digest`.
    """
    with whole_file(target) as partial:
        if not _reflink(source, partial):
            shutil.copyfile(source, partial)
        if file_digest(partial) != digest:
            raise OSError(f"{source}: expected SHA-256 {digest}, got other bytes; run again to make the shard anew")


def _reflink(source: Path, target: Path) -> bool:
    """Share the file's blocks copy-on-write; False where the file system cannot."""
    if ioctl is None:
        return False
    try:
        with source.open("rb") as read, target.open("wb") as write:
            ioctl(write.fileno(), _FICLONE, read.fileno())
    except OSError:
        return False
    return True
