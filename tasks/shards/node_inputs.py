"""What a shard reads, for a node that does not share the driver's disk: tables and weights by Ray, videos by URL.

The worker's current folder is laid out like a run's: `data`, `artifacts/tables`, `artifacts/models`. So the work and
the shard name these paths, and none of the driver's.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tasks.content_key import content_key, file_digest
from tasks.errors import MachineError
from tasks.frames import FrameError
from tasks.paths import below
from tasks.remote.fetched_corpus import FetchedCorpus, url_expected
from tasks.remote.object_store import AbsentObjectError, RemoteFile, fetch_files
from tasks.shards.work import Shard
from tasks.tables.schemas import FRAMES, VIDEOS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.inference.network_work import NetworkWork

NODE: Final = Workspace(Path("data"), Path("artifacts"), Path("reports"), Path("state"))
"""The folders of a worker, in its current folder."""
_KEPT: Final = 16
"""Files that stay in Ray's object store for the shards to come; a shard at work keeps its own there."""


@dataclass(frozen=True)
class SentFile:
    """A file of the driver's, in Ray's object store."""

    path: Path
    """Where the work looks for it."""
    key: str
    """SHA-256 of its bytes."""
    size: int
    content: Any
    """Ray's reference to the bytes."""

    def fill(self, folder: Path) -> None:
        """Write it into the folder.

        Raises:
            MachineError: other bytes came.
        """
        import ray  # the driver of local runs does without

        (folder / self.key).write_bytes(ray.get(self.content))
        if not self.is_whole(folder):
            raise MachineError(f"{self.path}: expected SHA-256 {self.key[:12]}..., got other bytes; run again")

    def is_whole(self, folder: Path) -> bool:
        """Whether the folder holds its bytes."""
        path = folder / self.key
        return path.is_file() and file_digest(path) == self.key


@dataclass(frozen=True)
class SentVideo:
    """The objects of a video, named by their paths below the data folder."""

    files: tuple[RemoteFile, ...]

    @property
    def key(self) -> str:
        """Equal exactly when paths, URLs and versions are."""
        return content_key([asdict(file) for file in self.files])

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)

    def fill(self, folder: Path) -> None:
        """Fetch the objects into the folder.

        Raises:
            FrameError: one of them is gone.
            InputError: this node has no credentials, or they do not allow it.
            MachineError: the store does not answer, or has another version of an object.
        """
        try:
            fetch_files({folder / file.name: file for file in self.files})
        except AbsentObjectError as error:
            reason = "expected the object that the corpus was fetched from, got none: it was deleted meanwhile"
            raise FrameError(error.url, None, reason) from error

    def is_whole(self, folder: Path) -> bool:
        """Whether the folder holds files of their sizes."""
        paths = ((folder / file.name, file.size) for file in self.files)
        return all(path.is_file() and path.stat().st_size == size for path, size in paths)


class NodeInputs:
    """Finds what the shards of a work read; each file enters Ray's object store once for all that read it.

    Args:
        work: the stage's work, on the driver's disk.
        state: working state of the run, where the corpus was fetched to.
    """

    def __init__(self, work: "NetworkWork", state: Path) -> None:
        self._work, self._fetched = work, FetchedCorpus(state)
        self._sent = lru_cache(maxsize=_KEPT)(_sent)
        self._paths = {work.tables: NODE.tables} | {path.parent: NODE.models for path in work.weights.values()}

    @property
    def work(self) -> "NetworkWork":
        """The work as it is sent to workers."""
        weights = {name: self._on_node(path) for name, path in self._work.weights.items()}
        return replace(self._work, data=NODE.data, tables=NODE.tables, weights=weights)

    def of(self, shard: Shard) -> tuple[Shard, Sequence[SentFile], SentVideo]:
        """The shard as it is sent to a worker, the files that its work reads, and its video."""
        tables = [table.path(self._work.tables) for table in (VIDEOS, FRAMES)]
        paths = [*tables, *self._work.weights.values(), *(path for _, path in shard.inputs)]
        files = [self._sent(path, self._on_node(path)) for path in paths if path.is_file()]
        inputs = tuple((name, self._on_node(path)) for name, path in shard.inputs)
        return replace(shard, inputs=inputs), files, self._video(shard.video_id)

    def require_objects(self, shards: Sequence[Shard]) -> None:
        """Check by the first shard that the corpus was fetched from an object store.

        Raises:
            InputError: it was not.
        """
        for shard in shards[:1]:
            self._video(shard.video_id)

    def _video(self, video_id: str) -> SentVideo:
        """Its objects; a file that is not there is missed by the work, which rejects the video, as it is anywhere."""
        paths = (below(self._work.data, name) for name in self._work.index.video(video_id).files)
        return SentVideo(tuple(self._object(path) for path in paths if path.exists()))

    def _object(self, path: Path) -> RemoteFile:
        if (file := self._fetched.object_of(path)) is None:
            raise url_expected(path)
        return replace(file, name=path.relative_to(self._work.data).as_posix())

    def _on_node(self, path: Path) -> Path:
        root = next(root for root in self._paths if path.is_relative_to(root))
        return self._paths[root] / path.relative_to(root)


def _sent(path: Path, name: Path) -> SentFile:
    import ray  # takes seconds, and local runs do without

    content = path.read_bytes()
    return SentFile(name, hashlib.sha256(content).hexdigest(), len(content), ray.put(content))
