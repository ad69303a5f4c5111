"""What scoring tells: errors that name file, frame, person and field, and notices about numbers that mislead."""

from dataclasses import dataclass

from tasks.errors import InputError


class ScoringError(InputError):
    """A file that cannot be scored."""

    def __init__(self, file: str, place: str, expected: str, found: str) -> None:
        """Join the parts of the message; `place` is frame, person and field, empty for the whole file."""
        self.file, self.place = file, place
        where = f"{file}: {place}" if place else file
        super().__init__(f"{where}: expected {expected}, got {found}")


@dataclass(frozen=True)
class Notice:
    """Something that a reader of the numbers must know; `code` is stable, `file` is empty for the whole run."""

    code: str
    file: str
    message: str


def shown(value: object) -> str:
    """A short form of anything out of a file, safe to print."""
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= 60 else f"{text[:57]}..."


def place(*, frame: str | None = None, person: int | None = None, field: str = "") -> str:
    """Where something is: the frame by name or number, the person by its place in the file from 0, the field."""
    parts = (
        f"frame {frame}" if frame is not None else "",
        f"person {person}" if person is not None else "",
        f"field {field}" if field else "",
    )
    return ", ".join(filter(None, parts))
