"""What a reader read from the corpus: rows of the tables, and rejects."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]


def printable(text: str) -> str:
    """`text` with bytes of a file name that are no UTF-8, and control characters, as escapes."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


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
