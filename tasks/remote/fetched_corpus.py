"""The folder into which the driver of a run fetches a corpus from an object store, and which object each file is of."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import InputError
from tasks.remote.object_store import RemoteFile
from tasks.whole_files import write_whole

if TYPE_CHECKING:
    from tasks.params.compute import ComputeParams


class FetchedCorpus:
    """The files of a corpus below `files`, and a list of the objects that they were fetched from.

    Args:
        state: the working state of an out folder.
    """

    def __init__(self, state: Path) -> None:
        self.folder = state / "fetched"
        self.files = self.folder / "files"
        self._list = self.folder / "objects.jsonl"

    def listed(self) -> dict[str, RemoteFile]:
        """Each object that was fetched, by name; the last line of a name counts, and a broken line is none."""
        files = {}
        for line in self._list.read_text(encoding="utf-8").splitlines() if self._list.is_file() else ():
            with contextlib.suppress(ValueError, TypeError):
                file = RemoteFile(**json.loads(line))
                files[file.name] = file
        return files

    def add(self, file: RemoteFile) -> None:
        """Note that the file of an object is there."""
        with self._list.open("a", encoding="utf-8") as listing:
            listing.write(_line(file))

    def keep(self, files: Iterable[RemoteFile]) -> None:
        """Write the list anew."""
        self.files.mkdir(parents=True, exist_ok=True)
        write_whole(self._list, "".join(map(_line, files)))

    def has(self, file: RemoteFile, listed: RemoteFile | None) -> bool:
        """Whether the file of an object is there as it is in the store now; `listed` is what the list says of it."""
        path = self.files / file.name
        return file == listed and path.is_file() and path.stat().st_size == file.size

    def object_of(self, path: Path) -> RemoteFile | None:
        """The object that a file of the corpus, or a link to it, was fetched from; None where it was not fetched."""
        path = path.resolve()
        return self._objects.get(path.relative_to(self._root).as_posix()) if path.is_relative_to(self._root) else None

    @cached_property
    def _objects(self) -> dict[str, RemoteFile]:
        return self.listed()

    @cached_property
    def _root(self) -> Path:
        return self.files.resolve()


def require_reachable(corpus: Path, compute: "ComputeParams") -> None:
    """Check that all workers can read a corpus on the driver's disk.

    Raises:
        InputError: their nodes do not share that disk.
    """
    if compute.executor == "ray" and not compute.shared_disk:
        raise url_expected(corpus)


def url_expected(corpus: Path) -> InputError:
    """The error for a corpus on the driver's disk where nodes do not share that."""
    return InputError(
        f"compute.shared_disk is false: expected a corpus by URL, such as s3://BUCKET/FOLDER, which each node fetches "
        f"from, got {corpus}; name its URL, or lay it on a disk that all nodes see and set compute.shared_disk to true"
    )


def _line(file: RemoteFile) -> str:
    return json.dumps(asdict(file)) + "\n"
