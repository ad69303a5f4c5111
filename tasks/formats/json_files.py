"""Reading the JSON of strangers: any bytes give a value or one error."""

import json
from pathlib import Path
from typing import Any

import orjson

from tasks.formats.errors import ScoringError


def load_json(path: Path) -> Any:
    """The value in `path`; NaN and Infinity are numbers, as in the official tools.

    Raises:
        ScoringError: the file cannot be read or is not JSON.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ScoringError(str(path), "", "a readable file", error.strerror or type(error).__name__) from error
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _load_slowly(path, content)  # NaN, byte order marks: rare, and no strict JSON


def _load_slowly(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ScoringError(str(path), "", "JSON", "brackets nested too deeply") from error
    except ValueError as error:
        raise ScoringError(str(path), "", "JSON", str(error).splitlines()[0]) from error
