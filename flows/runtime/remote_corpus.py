"""A corpus in an object store, s3:// or gs://: its objects are fetched into a cache folder, which a run then tracks.

Each file of the cache is known by the URL, size and etag of its object (its time of change, where the store has no
etag), so that a later run fetches only what is new or changed, and deletes what is gone.
"""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tasks.errors import InputError, MachineError
from tasks.formats.video_search import VIDEO_ENDINGS
from tasks.remote.fetched_corpus import FetchedCorpus
from tasks.remote.object_store import PACKAGES, RemoteFile, faults_named, fetch_files, remote_file, store_of

_SPARE_BYTES: Final = 64 << 20
"""What must stay free on the disk beside the cache."""


@dataclass(frozen=True)
class CorpusCache:
    """What lies in the cache folder of a corpus, compared with the store."""

    fetched: FetchedCorpus
    remote: dict[str, RemoteFile]
    """By their names: the objects that are there now."""
    left_out: list[str]
    """Keys of objects that cannot be files below one folder."""

    @cached_property
    def missing(self) -> list[RemoteFile]:
        """Objects whose content is not in the cache at the first look, by name."""
        listed = self.fetched.listed()
        return [file for name, file in sorted(self.remote.items()) if not self.fetched.has(file, listed.get(name))]

    @property
    def current(self) -> dict[str, Path]:
        """Files of the cache with the content that is in the store now, by name."""
        lacking = {file.name for file in self.missing}
        return {name: self.fetched.files / name for name in sorted(self.remote) if name not in lacking}


def url_of(corpus: str) -> str | None:
    """The URL that the user names as corpus; None where it is a path.

    Raises:
        InputError: a URL of another kind.
    """
    scheme, separator, rest = corpus.partition("://")
    if not separator:
        return None
    if scheme not in PACKAGES or not rest.strip("/"):
        known = " or ".join(f"{name}://BUCKET/FOLDER" for name in PACKAGES)
        raise InputError(f"{corpus}: expected a path, or a URL such as {known}")
    return corpus.rstrip("/")


def local_corpus(corpus: str, out: Path) -> Path:
    """Where a run finds the corpus: the path that the user names, or the file or folder of its cache in the out folder.

    Raises:
        InputError: a URL of another kind.
    """
    if (url := url_of(corpus)) is None:
        return Path(corpus)
    files = FetchedCorpus(out.expanduser().resolve() / ".corrtrack").files
    return files / PurePosixPath(url).name if _is_video(url) else files


def look(url: str, state: Path) -> CorpusCache:
    """List the objects of the corpus, and compare them with the cache in the working state; nothing is fetched.

    Raises:
        InputError: the package is not installed, or there is no such bucket or object, or it may not be read.
        MachineError: the store does not answer.
    """
    store = store_of(url)
    scheme, _, root = url.partition("://")
    with faults_named(url):
        listed: dict[str, dict[str, Any]] = store.find(root, detail=True)
    remote, left_out = {}, []
    keys = {key.rstrip("/") for key in listed if listed[key].get("type") == "file" and not key.endswith("/")}
    above = {parent.as_posix() for key in keys for parent in PurePosixPath(key).parents}
    for key in sorted(keys):
        name = PurePosixPath(key).name if key == root else key.removeprefix(f"{root}/")
        if any(part in {"", ".", ".."} or "\0" in part for part in name.split("/")) or key in above:
            left_out.append(key)
        elif not any(part.startswith(".") for part in name.split("/")):
            remote[name] = remote_file(name, f"{scheme}://{key}", listed[key])
    if not remote:
        raise InputError(f"{url}: expected a bucket or folder with videos, or a video, found no object")
    return CorpusCache(FetchedCorpus(state), remote, left_out)


def require_readable(url: str) -> None:
    """Look whether the corpus is there, without listing it.

    Raises:
        InputError: as for `look`.
        MachineError: the store does not answer.
    """
    store = store_of(url)
    with faults_named(url):
        store.info(url.partition("://")[2])


def fetch(url: str, state: Path, report: Callable[[str], object]) -> None:
    """Make the cache in the working state equal to the corpus; an interrupted fetch goes on with what is not there.

    Files appear whole, and only as they were listed. `report` gets sentences for the user.

    Raises:
        InputError: as for `look`.
        MachineError: the store does not answer, an object changed while it was fetched, or the disk is too small.
    """
    cache = look(url, state)
    for key in cache.left_out:
        report(f"{key}: expected a name that a file below a folder can have; the object is left out")
    _remove_others(cache)
    missing = cache.missing
    if not missing:
        return
    size = sum(file.size for file in missing)
    _require_room(cache.fetched.folder, size)
    report(f"{url}: {len(missing)} of {len(cache.remote)} files are new or changed and are fetched, {size >> 20} MiB")
    fetch_files({cache.fetched.files / file.name: file for file in missing}, cache.fetched.add)


def _remove_others(cache: CorpusCache) -> None:
    """Delete files of objects that are gone, and write the list of the others anew."""
    files, listed = cache.fetched.files, cache.fetched.listed()
    for path in sorted(files.rglob("*"), reverse=True) if files.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):  # it holds something
                path.rmdir()
        elif path.relative_to(files).as_posix() not in cache.remote:
            path.unlink()
    cache.fetched.keep(listed[name] for name in sorted(listed) if name in cache.remote)


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise MachineError(
            f"{folder}: expected {(size + _SPARE_BYTES) >> 20} MiB free on its disk for the corpus, got {free >> 20}; "
            "make room, or choose another --out, and run the same command again"
        )


def _is_video(url: str) -> bool:
    return PurePosixPath(url).suffix.lower() in VIDEO_ENDINGS
