"""What a reader read from the corpus: rows of the tables, and rejects."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, overload

from tasks.progress.rejects import printable

Row: TypeAlias = dict[str, Any]
Frames: TypeAlias = MutableMapping[str, Sequence[Row]]
"""The frames of each video in their order, by video_id; a whole corpus may have millions."""


class RowsInColumns(Sequence[Row]):
    """Rows that lie in columns of one length, by name; each is a dict only while somebody asks for it."""

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[index] for index in range(len(self))[at]]
        return {name: values[at] for name, values in self.columns.items()}


@dataclass
class CorpusPart:
    """Rows of the index's tables: of a video, of a set of pictures, or of the whole corpus."""

    videos: list[Row] = field(default_factory=list)
    frames: Frames = field(default_factory=dict)
    images: list[Row] = field(default_factory=list)
    persons: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)

    def reject(self, source: str, location: str, reason: object) -> None:
        """Add a reject: file or video, location in it ("" is all of it), what was expected and what was found."""
        row = {"source": source, "location": location, "reason": str(reason)}
        self.rejects.append({name: printable(text) for name, text in row.items()})

    def add(self, other: "CorpusPart") -> None:
        """Take over the rows of another part, which has other videos."""
        self.frames.update(other.frames)
        for name in ("videos", "images", "persons", "rejects"):
            getattr(self, name).extend(getattr(other, name))


def joined(parts: Iterable[CorpusPart], frames: Frames | None = None) -> CorpusPart:
    """All parts in one, each let go before the next is read; their frames come into `frames` where it is there."""
    whole = CorpusPart() if frames is None else CorpusPart(frames=frames)
    for part in parts:
        whole.add(part)
    return whole
