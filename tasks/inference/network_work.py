"""What the stages detect, estimate, recover and merge share: a network's work on the shards of videos."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tasks.errors import InputError, raise_machine_fault
from tasks.frames import VideoFrames
from tasks.inference.videos import Video, VideoIndex
from tasks.params.section import section_json
from tasks.shards import Shard
from tasks.tables import Table

if TYPE_CHECKING:
    from tasks.params.sections import Params


@dataclass(frozen=True)
class NetworkWork:
    """Base of a stage's work on shards (see `ShardWork`); its subclass computes the rows of a shard in `__call__`.

    An instance holds paths and params only, so that it is sent to workers cheaply; a subclass loads its networks with
    the first shard, from the modules that `late_modules` names, since the driver of workers does without torch.

    Attributes:
        stage: name of the stage.
        inputs: tables whose rows of a video the result depends on.
        outputs: tables that every shard gives rows of.
        late_modules: modules imported with the first shard.
        sections: params sections that the result depends on.
        data: data folder.
        tables: folder of the tables, where the index is read.
        weights: weight file of each network, by the network's name.
        params: all params; only `sections` count.
    """

    stage: ClassVar[str]
    inputs: ClassVar[tuple[Table, ...]]
    outputs: ClassVar[tuple[Table, ...]]
    late_modules: ClassVar[tuple[str, ...]]
    sections: ClassVar[tuple[str, ...]]

    data: Path
    tables: Path
    weights: Mapping[str, Path]
    params: "Params"

    def shards(self, video_ids: Iterable[str]) -> list[Shard]:
        """Return one shard per video, with all its frames and the files of its input tables."""
        index = VideoIndex(self.tables)
        return [
            Shard(
                video_id,
                0,
                index.frame_count(video_id),
                tuple((table.name, table.path(self.tables, video_id)) for table in self.inputs),
            )
            for video_id in video_ids
        ]

    def shards_of(self, video_ids: Iterable[str], *, frames: int) -> list[Shard]:
        """Return the shards of at most that many frames; a video without frames is one empty shard."""
        return [
            replace(video, first_frame=first, last_frame=min(first + frames, video.last_frame))
            for video in NetworkWork.shards(self, video_ids)
            for first in range(0, max(video.last_frame, 1), frames)
        ]

    def key_parts(self) -> dict[str, str | bytes]:
        """Return what the result depends on besides code and shard: weights and params.

        Raises:
            InputError: a weight file is missing or cannot be read.
        """
        weights = {f"weights {name}": _weight_bytes(path) for name, path in self.weights.items()}
        return weights | {"params": section_json(self.params, *self.sections)}

    @cached_property
    def index(self) -> VideoIndex:
        """The index, read once in each process."""
        return VideoIndex(self.tables)

    @cached_property
    def opened(self) -> Callable[[str], tuple[Video, VideoFrames]]:
        """Gives a video and its pictures by name, opened once for the shards of it that follow each other."""

        def opened(video_id: str) -> tuple[Video, VideoFrames]:
            video = self.index.video(video_id)
            return video, video.open(self.data)

        return lru_cache(maxsize=1)(opened)


def _weight_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise_machine_fault(error)
        reason = "no such weight file" if isinstance(error, FileNotFoundError) else error.strerror
        raise InputError(f"{path}: {reason}; train it, or convert released weights with import-weights") from error
