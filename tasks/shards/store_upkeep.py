"""The upkeep of a shard store: what lies in it, what goes to make room, and what is damaged."""

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.content_key import file_digest
from tasks.shards.store import MANIFEST
from tasks.shards.store_uses import exclusive, keys_in_use

_DAY_SECONDS: Final = 86400.0
_ENTRIES: Final = "[0-9a-f][0-9a-f]/" + "[0-9a-f]" * 64


@dataclass(frozen=True)
class StoredShard:
    """An entry of the store."""

    folder: Path
    tables: tuple[str, ...]
    """Names of its tables; none where its list of files cannot be read."""
    size_bytes: int
    used: float
    """When it was last added or read, seconds since 1970."""

    @property
    def key(self) -> str:
        """Its name in the store."""
        return self.folder.name


@dataclass(frozen=True)
class Cleared:
    """What made room."""

    deleted: list[StoredShard]
    kept: list[StoredShard]
    in_use: int
    """How many of the kept ones a run in progress uses."""


def stored_shards(store: Path) -> list[StoredShard]:
    """All entries, the least recently used first."""
    entries = (entry for folder in store.glob(_ENTRIES) if (entry := _entry(folder)) is not None)
    return sorted(entries, key=lambda entry: (entry.used, entry.key))


def clear(
    store: Path, *, keep_days: float | None = None, max_bytes: float | None = None, is_dry: bool = False
) -> Cleared:
    """Delete what was not used for `keep_days`, then the least recently used until all fit into `max_bytes`.

    What runs in progress use stays, whatever the limits. Other runs may go on meanwhile.

    Args:
        store: the folder.
        keep_days: days since the last use; None: age is no reason.
        max_bytes: of all entries; None: any size.
        is_dry: only give what would be deleted.
    """
    with exclusive(store):
        used, entries = keys_in_use(store), stored_shards(store)
        free = [entry for entry in entries if entry.key not in used]
        oldest = time.time() - keep_days * _DAY_SECONDS if keep_days is not None else 0.0
        gone = [entry for entry in free if entry.used < oldest]
        excess = sum(entry.size_bytes for entry in entries) - sum(entry.size_bytes for entry in gone)
        for entry in free[len(gone) :]:
            if max_bytes is None or excess <= max_bytes:
                break
            gone.append(entry)
            excess -= entry.size_bytes
        if not is_dry:
            _delete(store, gone)
    deleted = {entry.key for entry in gone}
    kept = [entry for entry in entries if entry.key not in deleted]
    return Cleared(gone, kept, sum(entry.key in used for entry in kept))


def damaged(store: Path) -> Iterator[tuple[StoredShard, str]]:
    """Entries whose bytes are not those that were stored, with the reason; whoever needs one makes it anew."""
    for entry in stored_shards(store):
        try:
            manifest = json.loads((entry.folder / MANIFEST).read_text(encoding="utf-8"))
            for name, digest in dict(manifest["sha256"]).items():
                if file_digest(entry.folder / f"{name}.parquet") != digest:
                    yield entry, f"{name}.parquet: expected SHA-256 {digest[:12]}..., got other bytes"
                    break
        except FileNotFoundError as error:
            if entry.folder.exists():  # else it was deleted meanwhile
                yield entry, f"expected the file {Path(error.filename).name}, got none"
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            yield entry, f"expected a list of files in {MANIFEST}, got one that cannot be read"


def _entry(folder: Path) -> StoredShard | None:
    """The entry of a folder; None where it was deleted meanwhile."""
    try:
        statuses = {path.name: path.stat() for path in folder.iterdir()}
        used = (statuses[MANIFEST] if MANIFEST in statuses else folder.stat()).st_mtime
    except FileNotFoundError:
        return None
    tables = sorted(Path(name).stem for name in statuses if name.endswith(".parquet"))
    return StoredShard(folder, tuple(tables), sum(status.st_size for status in statuses.values()), used)


def _delete(store: Path, entries: Iterable[StoredShard]) -> None:
    """Delete entries, each out of sight at once, and what a killed run began to write more than a day ago."""
    for entry in entries:
        hidden = store / f".{uuid.uuid4().hex}.partial"
        entry.folder.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)
    for partial in store.glob(".*.partial"):
        with contextlib.suppress(FileNotFoundError):  # it was published meanwhile
            if time.time() - partial.stat().st_mtime > _DAY_SECONDS:
                shutil.rmtree(partial, ignore_errors=True)
