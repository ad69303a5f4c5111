"""A corpus in an object store, s3:// or gs://: its objects are fetched into a cache folder, which a run then tracks.

Each file of the cache is known by the URL, size and etag of its object (its time of change, where the store has no
etag), so that a later run fetches only what is new or changed, and deletes what is gone.
"""

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tasks.errors import InputError, MachineError, machine_fault, require_packages
from tasks.formats.video_search import VIDEO_ENDINGS
from tasks.whole_files import whole_file, write_whole

_PACKAGES: Final = {
    "s3": ("s3fs", 'install it with pip install "PATH_OF_THE_CHECKOUT[s3]"'),
    "gs": ("gcsfs", "install it with pip install gcsfs"),
}
"""By scheme: the package that reads it, and how to get it."""
_AT_ONCE: Final = 8
_BLOCK_BYTES: Final = 8 << 20
_FILES, _LIST = "files", "objects.jsonl"
_SPARE_BYTES: Final = 64 << 20
"""What must stay free on the disk beside the cache."""


@dataclass(frozen=True)
class RemoteFile:
    """An object of the corpus."""

    key: str
    """Path in the store."""
    name: str
    """Path below the corpus."""
    size: int
    identity: str
    """Another text for other content."""


@dataclass(frozen=True)
class CorpusCache:
    """What lies in the cache folder of a corpus, compared with the store."""

    folder: Path
    remote: dict[str, RemoteFile]
    """By their names: the objects that are there now."""
    left_out: list[str]
    """Keys of objects that cannot be files below one folder."""

    @cached_property
    def missing(self) -> list[RemoteFile]:
        """Objects whose content is not in the cache at the first look, by name."""
        known = _read_list(self.folder / _LIST)
        return [file for name, file in sorted(self.remote.items()) if not self._has(file, known.get(name))]

    @property
    def current(self) -> dict[str, Path]:
        """Files of the cache with the content that is in the store now, by name."""
        lacking = {file.name for file in self.missing}
        return {name: self.folder / _FILES / name for name in sorted(self.remote) if name not in lacking}

    def _has(self, file: RemoteFile, identity: str | None) -> bool:
        path = self.folder / _FILES / file.name
        return identity == file.identity and path.is_file() and path.stat().st_size == file.size


def url_of(corpus: str) -> str | None:
    """The URL that the user names as corpus; None where it is a path.

    Raises:
        InputError: a URL of another kind.
    """
    scheme, separator, rest = corpus.partition("://")
    if not separator:
        return None
    if scheme not in _PACKAGES or not rest.strip("/"):
        known = " or ".join(f"{name}://BUCKET/FOLDER" for name in _PACKAGES)
        raise InputError(f"{corpus}: expected a path, or a URL such as {known}")
    return corpus.rstrip("/")


def local_corpus(corpus: str, out: Path) -> Path:
    """Where a run finds the corpus: the path that the user names, or the file or folder of its cache in the out folder.

    Raises:
        InputError: a URL of another kind.
    """
    if (url := url_of(corpus)) is None:
        return Path(corpus)
    files = cache_folder(out.expanduser().resolve() / ".corrtrack") / _FILES
    return files / PurePosixPath(url).name if _is_video(url) else files


def cache_folder(state: Path) -> Path:
    """The cache of a corpus in an object store, in the working state of an out folder."""
    return state / "fetched"


def look(url: str, folder: Path) -> CorpusCache:
    """List the objects of the corpus, and compare them with the cache in `folder`; nothing is fetched.

    Raises:
        InputError: the package is not installed, or there is no such bucket or object, or it may not be read.
        MachineError: the store does not answer.
    """
    store = _store(url)
    root = url.partition("://")[2]
    with _faults_named(url):
        listed: dict[str, dict[str, Any]] = store.find(root, detail=True)
    remote, left_out = {}, []
    keys = {key.rstrip("/") for key in listed if listed[key].get("type") == "file" and not key.endswith("/")}
    above = {parent.as_posix() for key in keys for parent in PurePosixPath(key).parents}
    for key in sorted(keys):
        name = PurePosixPath(key).name if key == root else key.removeprefix(f"{root}/")
        if any(part in {"", ".", ".."} or "\0" in part for part in name.split("/")) or key in above:
            left_out.append(key)
        elif not any(part.startswith(".") for part in name.split("/")):
            remote[name] = _remote_file(url, key, name, listed[key])
    if not remote:
        raise InputError(f"{url}: expected a bucket or folder with videos, or a video, found no object")
    return CorpusCache(folder, remote, left_out)


def require_readable(url: str) -> None:
    """Look whether the corpus is there, without listing it.

    Raises:
        InputError: as for `look`.
        MachineError: the store does not answer.
    """
    store = _store(url)
    with _faults_named(url):
        store.info(url.partition("://")[2])


def fetch(url: str, folder: Path, report: Callable[[str], object]) -> None:
    """Make the cache in `folder` equal to the corpus; an interrupted fetch goes on with the files that are not there.

    Files appear whole, and only with the size that the store names. `report` gets sentences for the user.

    Raises:
        InputError: as for `look`.
        MachineError: the store does not answer, an object changed while it was fetched, or the disk is too small.
    """
    cache = look(url, folder)
    for key in cache.left_out:
        report(f"{key}: expected a name that a file below a folder can have; the object is left out")
    _remove_others(cache)
    missing = cache.missing
    if not missing:
        return
    size = sum(file.size for file in missing)
    _require_room(folder, size)
    report(f"{url}: {len(missing)} of {len(cache.remote)} files are new or changed and are fetched, {size >> 20} MiB")
    _fetch_all(url, missing, folder)


def _remote_file(url: str, key: str, name: str, facts: dict[str, Any]) -> RemoteFile:
    version = facts.get("ETag") or facts.get("etag") or facts.get("LastModified") or facts.get("updated")
    size = int(facts["size"] or 0)
    return RemoteFile(key, name, size, f"{url.partition('://')[0]}://{key} {size} {version}")


def _fetch_all(url: str, missing: list[RemoteFile], folder: Path) -> None:
    store, stopping, writing = _store(url), threading.Event(), threading.Lock()

    def fetch_one(file: RemoteFile) -> None:
        with _faults_named(f"{url.partition('://')[0]}://{file.key}"):
            _copy(store, file, folder / _FILES / file.name, stopping)
        with writing, (folder / _LIST).open("a", encoding="utf-8") as listing:
            listing.write(json.dumps([file.name, file.identity]) + "\n")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            calls = [pool.submit(fetch_one, file) for file in missing]
            for call in wait(calls, return_when=FIRST_EXCEPTION).done:
                call.result()
        finally:
            stopping.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _copy(store: Any, file: RemoteFile, path: Path, stopping: threading.Event) -> None:
    with whole_file(path) as partial:
        with store.open(file.key, "rb", block_size=_BLOCK_BYTES) as source, partial.open("wb") as target:
            while block := source.read(_BLOCK_BYTES):
                if stopping.is_set():
                    raise MachineError("stopped")
                target.write(block)
        if (size := partial.stat().st_size) != file.size:
            raise MachineError(
                f"{file.key}: expected {file.size} bytes as listed, got {size}, since the object changed while it was "
                "fetched; run the same command again: what was fetched is kept"
            )


def _remove_others(cache: CorpusCache) -> None:
    """Delete files of objects that are gone, and write the list of the others anew."""
    files, known = cache.folder / _FILES, _read_list(cache.folder / _LIST)
    for path in sorted(files.rglob("*"), reverse=True) if files.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):  # it holds something
                path.rmdir()
        elif path.relative_to(files).as_posix() not in cache.remote:
            path.unlink()
    kept = [json.dumps([name, known[name]]) for name in sorted(known) if name in cache.remote]
    files.mkdir(parents=True, exist_ok=True)
    write_whole(cache.folder / _LIST, "".join(f"{line}\n" for line in kept))


def _read_list(path: Path) -> dict[str, str]:
    """Identity of each file that was fetched; the last line on a file counts, and a broken line is none."""
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError):
            name, identity = json.loads(line)
            known[str(name)] = str(identity)
    return known


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise MachineError(
            f"{folder}: expected {(size + _SPARE_BYTES) >> 20} MiB free on its disk for the corpus, got {free >> 20}; "
            "make room, or choose another --out, and run the same command again"
        )


def _is_video(url: str) -> bool:
    return PurePosixPath(url).suffix.lower() in VIDEO_ENDINGS


def _store(url: str) -> Any:
    """The file system of a URL; its settings and credentials are those that its package finds."""
    scheme = url.partition("://")[0]
    package, advice = _PACKAGES[scheme]
    require_packages(url, "fsspec", package, advice=advice)
    import fsspec

    return fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)


@contextlib.contextmanager
def _faults_named(url: str) -> Iterator[None]:
    """Turn the errors of the packages that read object stores into ours; those of this machine pass."""
    try:
        yield
    except (InputError, MachineError):
        raise
    except Exception as error:
        name, sentence = type(error).__name__, (str(error).splitlines() or [""])[0]
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{url}: expected a bucket and a folder or object in it, got {sentence}") from error
        if "Credential" in name or "Profile" in name:
            raise InputError(
                f"{url}: expected credentials of the object store, got {sentence}; set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or what the store's own tools read; for a public bucket set "
                """FSSPEC_S3='{"anon": true}'"""
            ) from error
        if isinstance(error, PermissionError) and not error.filename:
            raise InputError(f"{url}: expected a bucket that these credentials may read, got {sentence}") from error
        if machine_fault(error) is not None:
            raise
        raise MachineError(
            f"{url}: expected an answer of the object store, got {name}: {sentence}; run the same command again: what "
            "was fetched is kept"
        ) from error
