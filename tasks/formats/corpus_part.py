"""What a reader found in the corpus: rows for the tables, and what it set aside."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]


@dataclass
class CorpusPart:
    """Rows of the index's tables, of one reader or of all of them together."""

    videos: list[Row] = field(default_factory=list)
    frames: list[Row] = field(default_factory=list)
    images: list[Row] = field(default_factory=list)
    persons: list[Row] = field(default_factory=list)
    rejects: list[Row] = field(default_factory=list)

    def reject(self, source: str, place: str, reason: object) -> None:
        """Set something aside: file or video, place in it ("" is all of it), what was expected and found."""
        self.rejects.append({"source": source, "place": place, "reason": str(reason)})

    def add(self, other: "CorpusPart") -> None:
        """Take over the rows of another part."""
        for name in ("videos", "frames", "images", "persons", "rejects"):
            getattr(self, name).extend(getattr(other, name))
