"""What a dry run knows of a corpus in an object store, of which not all is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from flows.reprocess_request import ReprocessRequest
from flows.runtime.external_corpus import is_named_after
from flows.runtime.remote_corpus import CorpusCache, look
from flows.scheduling.video_states import Seen
from tasks.formats.video_search import VIDEO_ENDINGS, video_id_of
from tasks.remote.object_store import RemoteFile


@dataclass(frozen=True)
class Unfetched:
    """Objects that a run would fetch first."""

    files: Sequence[RemoteFile] = ()

    @property
    def bytes(self) -> int:
        """Their size."""
        return sum(file.size for file in self.files)

    @property
    def videos(self) -> dict[str, Seen]:
        """The video files among them, by the names that they have in tables; frame folders are known once fetched."""
        names = [file.name for file in self.files if PurePosixPath(file.name).suffix.lower() in VIDEO_ENDINGS]
        return {video_id_of(Path("/"), Path("/", name)): Seen("whole", bytes_sha256="not fetched") for name in names}

    def sentence(self) -> str:
        """What is fetched, for the user."""
        return f"{len(self.files)} files are fetched first, {self.bytes >> 20} MiB; their frames are not counted above"


def fetched_part(request: ReprocessRequest, out: Path, folder: Path) -> tuple[ReprocessRequest, Unfetched]:
    """The request on what lies in the cache of its out folder, seen by links in `folder`, and what does not.

    Raises:
        InputError: the corpus cannot be read.
        MachineError: the store does not answer.
    """
    if request.url is None:
        return request, Unfetched()
    cache = look(request.url, out / ".corrtrack")
    unfetched = Unfetched(cache.missing)
    corpus = _linked(cache, folder)
    if request.corpus.name in cache.remote and len(cache.remote) == 1:
        corpus = corpus / request.corpus.name
    others = {name.rpartition("/")[2] for name in unfetched.videos}
    boxes = tuple(path for path in request.detections if corpus.exists() and not is_named_after(path.name, others))
    return replace(request, corpus=corpus, detections=boxes), unfetched


def _linked(cache: CorpusCache, folder: Path) -> Path:
    folder.mkdir()
    for name, path in cache.current.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(path)
    return folder
