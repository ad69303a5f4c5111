"""Object stores, s3:// and gs://, by fsspec: which packages read them, their errors as ours, and objects as files."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tasks.errors import InputError, MachineError, machine_fault, require_packages
from tasks.whole_files import whole_file

PACKAGES: Final = MappingProxyType(
    {
        "s3": ("s3fs", 'install it with pip install "PATH_OF_THE_CHECKOUT[s3]"'),
        "gs": ("gcsfs", "install it with pip install gcsfs"),
    }
)
"""By scheme: the package that reads it, and how to get it."""
_AT_ONCE: Final = 8
_BLOCK_BYTES: Final = 8 << 20


class AbsentObjectError(InputError):
    """There is no bucket, folder or object at the `url`."""

    def __init__(self, url: str, sentence: str) -> None:
        super().__init__(f"{url}: expected a bucket and a folder or object in it, got {sentence}")
        self.url = url


@dataclass(frozen=True)
class RemoteFile:
    """An object of a corpus, as it was listed."""

    name: str
    """Path below the corpus."""
    url: str
    size: int
    """Bytes."""
    version: str
    """Another text for other content: its etag, or its time of change where the store has no etags."""


def remote_file(name: str, url: str, facts: Mapping[str, Any]) -> RemoteFile:
    """The object of a URL by what its store says of it."""
    return RemoteFile(name, url, int(facts["size"] or 0), _version(facts))


def store_of(url: str) -> Any:
    """The file system of a URL; its settings and credentials are those that its package finds.

    Raises:
        InputError: the package is not installed.
    """
    scheme = url.partition("://")[0]
    package, advice = PACKAGES[scheme]
    require_packages(url, "fsspec", package, advice=advice)
    import fsspec

    return fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)


def fetch_files(files: Mapping[Path, RemoteFile], fetched: Callable[[RemoteFile], object] = lambda _: None) -> None:
    """Write objects of one store to paths, several at a time; each file appears whole, and as it was listed.

    Args:
        files: the objects by their paths.
        fetched: called, by one thread at a time, with each object whose file is there.

    Raises:
        InputError: as for `faults_named`.
        MachineError: the store does not answer, or an object is another one than was listed.
    """
    if not files:
        return
    store, stopping, reporting = store_of(next(iter(files.values())).url), threading.Event(), threading.Lock()

    def fetch_one(path: Path, file: RemoteFile) -> None:
        with faults_named(file.url):
            _copy(store, file, path, stopping)
        with reporting:
            fetched(file)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            calls = [pool.submit(fetch_one, path, file) for path, file in files.items()]
            for call in wait(calls, return_when=FIRST_EXCEPTION).done:
                call.result()
        finally:
            stopping.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _copy(store: Any, file: RemoteFile, path: Path, stopping: threading.Event) -> None:
    with whole_file(path) as partial:
        with store.open(file.url, "rb", block_size=_BLOCK_BYTES) as source, partial.open("wb") as target:
            if (version := _version(source.details)) != file.version:
                raise _changed(file, f"version {file.version}", version)
            while block := source.read(_BLOCK_BYTES):
                if stopping.is_set():
                    raise MachineError("stopped")
                target.write(block)
        if (size := partial.stat().st_size) != file.size:
            raise _changed(file, f"{file.size} bytes", str(size))


def _changed(file: RemoteFile, expected: str, got: str) -> MachineError:
    return MachineError(
        f"{file.url}: expected {expected} as listed, got {got}, since the object changed while the corpus was read; "
        "run the same command again: finished work is kept"
    )


def _version(facts: Mapping[str, Any]) -> str:
    etag = facts.get("ETag") or facts.get("etag")
    return str(etag).strip('"') if etag else str(facts.get("LastModified") or facts.get("updated"))


@contextlib.contextmanager
def faults_named(url: str) -> Iterator[None]:
    """Turn the errors of the packages that read object stores into ours; those of this machine pass.

    Raises:
        AbsentObjectError: there is nothing at the URL.
        InputError: there are no credentials, or they do not allow it.
        MachineError: the store does not answer.
    """
    try:
        yield
    except (InputError, MachineError):
        raise
    except Exception as error:
        name, sentence = type(error).__name__, (str(error).splitlines() or [""])[0]
        if isinstance(error, FileNotFoundError):
            raise AbsentObjectError(url, sentence) from error
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
            f"{url}: expected an answer of the object store, got {name}: {sentence}; run the same command again: "
            "finished work is kept"
        ) from error
