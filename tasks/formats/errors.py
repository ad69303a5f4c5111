"""Errors of files in a foreign format: they name file, location and field, what was expected and what was found."""

from typing import Final

from tasks.errors import InputError

_LONGEST_SHOWN: Final = 60


class FormatError(InputError):
    """A file that does not follow its format, or lacks what it is read for."""

    def __init__(self, file: str, location: str, expected: str, content: str) -> None:
        """Join the parts of the message; `location` is frame, person and field, empty for the whole file."""
        self.file, self.location = file, location
        where = f"{file}: {location}" if location else file
        super().__init__(f"{where}: expected {expected}, got {content}")


class FieldError(ValueError):
    """A field of a record that does not follow the format; the reader adds file and location."""

    def __init__(self, field: str, expected: str, content: object) -> None:
        super().__init__(f"{field}: expected {expected}, got {shown(content)}")


class InWords(str):
    """A description in our own words, which messages show without quotes."""


def shown(value: object) -> str:
    """A short form of any value from a file, safe to print."""
    text = f'"{value}"' if isinstance(value, str) and not isinstance(value, InWords) else str(value)
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def location(*, frame: str | None = None, person: int | None = None, field: str = "") -> str:
    """Frame by name or number, person by position in the file from 0, and field, as far as given."""
    parts = (
        f"frame {frame}" if frame is not None else "",
        f"person {person}" if person is not None else "",
        f"field {field}" if field else "",
    )
    return ", ".join(filter(None, parts))
