"""What a reader read from the corpus: rows of the tables, and rejects."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tasks.progress.rejects import printable

Row: TypeAlias = dict[str, Any]


@dataclass
class CorpusPart:
    """Rows of the index's tables, of one reader or of all of them together."""

    videos: list[Row] = field(default_factory=list)
    frames: list[Row] = field(default_factory=list)
    images: list[Row] = field(default_factory=list)
    persons: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)

    def reject(self, source: str, location: str, reason: object) -> None:
        """Add a reject: file or video, location in it ("" is all of it), what was expected and what was found."""
        row = {"source": source, "location": location, "reason": str(reason)}
        self.rejects.append({name: printable(text) for name, text in row.items()})

    def add(self, other: "CorpusPart") -> None:
        """Take over the rows of another part."""
        for name in ("videos", "frames", "images", "persons", "rejects"):
            getattr(self, name).extend(getattr(other, name))
