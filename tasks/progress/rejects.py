"""Like rejects as one line: how many there are, the first three of them, and the reason of the first."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

_SHOWN: Final = 3
_VARIABLE: Final = re.compile(r'"[^"]*"|\'[^\']*\'|\[.*\]|\{.*\}|\([^)]*\d[^)]*\)|\S*[\d/\\.][^\s:;,]*')
"""What differs between rejects of one kind: quoted text, lists, and words with a digit, a dot or a slash."""


def printable(text: str) -> str:
    """`text` with bytes of a file name that are no UTF-8, and control characters, as escapes."""
    if text.isprintable():
        return text
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def kind_of(reason: str) -> str:
    """The reason without names and numbers: equal for rejects that are alike."""
    return _VARIABLE.sub("*", reason)


@dataclass
class LikeRejects:
    """Rejects with a reason of one kind."""

    reason: str
    """Of the first."""
    count: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)
    """Source and location of the first three."""

    def add(self, source: str, location: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.shown) < _SHOWN:
            self.shown.append((source, location))

    @property
    def locations(self) -> str:
        """Where the first three are, a source that repeats named once, and how many more there are."""
        words: list[str] = []
        before = None
        for source, location in self.shown:
            words.append(location if source == before and location else f"{source} {location}".strip())
            before = source
        more = f" and {self.count - len(words)} more" if self.count > len(words) else ""
        return ", ".join(words) + more

    @property
    def sentence(self) -> str:
        """One line for all of them."""
        return f"rejected {f'{self.count} alike, ' if self.count > 1 else ''}{self.locations}: {self.reason}"


def grouped(rejects: Iterable[Mapping[str, str]]) -> list[LikeRejects]:
    """Rejects (source, location, reason) by the kind of their reason, in the order of the first of each kind."""
    groups: dict[str, LikeRejects] = {}
    for row in rejects:
        group = groups.setdefault(kind_of(row["reason"]), LikeRejects(row["reason"]))
        group.add(row["source"], row["location"])
    return list(groups.values())
