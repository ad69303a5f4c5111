"""JSON files, read and written: any bytes give a value or one error, and a file appears whole or not at all."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from tasks.errors import raise_machine_fault, unwritable
from tasks.formats.errors import FormatError
from tasks.whole_files import whole_file

_MOST_KEYS: Final = 16
"""An object with more names is a list by name, such as AlphaPose's of pictures."""


def load_json(path: Path) -> Any:
    """The value in `path`; NaN and Infinity are numbers, as in the official tools.

    Raises:
        FormatError: the file cannot be read or is not JSON.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise_machine_fault(error)
        raise FormatError(str(path), "", "a readable file", error.strerror or type(error).__name__) from error
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = _load_slowly(path, content)  # NaN, byte order marks: rare, and no strict JSON
    if isinstance(value, dict) and len(value) <= _MOST_KEYS:
        _require_single_keys(path, content, list(value))
    return value


def make_folder(folder: Path) -> None:
    """Make a folder for results.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(error, f"--out {folder}: expected a folder that can be written to") from error


def json_text(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON with a line end; NaN is written bare, as the official tools do."""
    return json.dumps(value, indent=indent) + "\n"


def write_json(path: Path, value: Any, *, indent: int | None = None) -> None:
    """Write `json_text` whole or not at all; raises InputError where the file cannot be written."""
    write_text(path, json_text(value, indent=indent))


def write_text(path: Path, text: str) -> None:
    """Write `text` whole or not at all; raises InputError where the file cannot be written."""
    write_bytes(path, text.encode())


def json_pieces(document: Mapping[str, Any]) -> Iterator[bytes]:
    """The bytes of `json_text` in pieces; lists may be iterators, of which an element is in memory at a time."""
    for number, (name, value) in enumerate(document.items()):
        yield f"{', ' if number else '{'}{json.dumps(name)}: ".encode()
        yield from list_pieces(value) if isinstance(value, Iterator) else [json.dumps(value).encode()]
    yield b"}\n"


def list_pieces(values: Iterator[Any]) -> Iterator[bytes]:
    """The bytes of a list in JSON, element by element, without a line end."""
    yield b"["
    for number, value in enumerate(values):
        yield f"{', ' if number else ''}{json.dumps(value)}".encode()
    yield b"]"


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` whole or not at all; raises InputError where the file cannot be written."""
    write_pieces(path, [content])


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write the pieces one behind the other, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        with whole_file(path) as partial, partial.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise unwritable(error, f"{path}: expected a file that can be written") from error


def _require_single_keys(path: Path, content: bytes, keys: Sequence[str]) -> None:
    """Refuse a document with two lists of one name, of which a reader would silently lose the first."""
    if all(content.count(json.dumps(key).encode()) < 2 for key in keys):
        return
    outermost: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        outermost[:] = [key for key, _ in pairs]

    _load_slowly(path, content, note)
    if twice := [key for key, count in Counter(outermost).items() if count > 1]:
        raise FormatError(str(path), "", "each name once in the outermost object", f'"{twice[0]}" twice')


def _load_slowly(path: Path, content: bytes, of_pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The value; objects are what `of_pairs` makes of their names and values."""
    try:
        return json.loads(content, object_pairs_hook=of_pairs)
    except RecursionError as error:
        raise FormatError(str(path), "", "JSON", "brackets nested too deeply") from error
    except UnicodeDecodeError as error:
        raise FormatError(str(path), "", "JSON", "bytes that are no text") from error
    except json.JSONDecodeError as error:
        where = f"something else in line {error.lineno}, column {error.colno} ({error.msg})"
        raise FormatError(str(path), "", "JSON", where if content else "an empty file") from error
    except ValueError as error:
        raise FormatError(str(path), "", "JSON", str(error).splitlines()[0]) from error
