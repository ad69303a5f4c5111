"""Who uses which entries of a shard store, so that making room never takes what a run in progress needs.

A run writes the keys that it may read or add into a file below `<store>/.uses` before it looks for the first of them,
and holds a lock on that file until it ends; the system releases the lock however the run ends. Writing the file, and
deleting entries, each take the lock of the store. So whoever deletes knows all keys in use, and a run that begins later
finds nothing that is about to go. Locks are those of `flock`: of one machine, or of all machines of a network disk
that passes them on, as NFS 4 does.
"""

import contextlib
import fcntl
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_USES: Final = ".uses"
_LOCK: Final = ".lock"


@contextmanager
def in_use(store: Path, keys: Iterable[str]) -> Iterator[None]:
    """Keep the entries of these keys from being deleted while the block runs."""
    path = store / _USES / f"{uuid.uuid4().hex}.txt"
    with exclusive(store):
        path.parent.mkdir(exist_ok=True)
        use = path.open("w", encoding="ascii")
        use.write("\n".join(keys))
        use.flush()
        fcntl.flock(use, fcntl.LOCK_EX)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        use.close()


def keys_in_use(store: Path) -> set[str]:
    """Keys that runs in progress may read or add; what dead runs noted is removed. The caller holds `exclusive`."""
    keys: set[str] = set()
    for path in (store / _USES).glob("*.txt"):
        with contextlib.suppress(FileNotFoundError), path.open(encoding="ascii") as use:  # a run may end meanwhile
            try:
                fcntl.flock(use, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                keys.update(use.read().split())
            else:
                path.unlink(missing_ok=True)
    return keys


@contextmanager
def exclusive(store: Path) -> Iterator[None]:
    """Be the only one that begins a use, or deletes, while the block runs; waits for others, which are quick."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
