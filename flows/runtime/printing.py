"""Lines of plain text on the console, whatever they hold."""

import json
import math
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

from rich.console import Console

_KEPT = frozenset("\n\t")


def print_line(console: Console, text: str, *, style: str | None = None) -> None:
    """Print `text` as it is: not wrapped, no markup read in it, and control characters made visible."""
    console.print(printable(text), style=style, highlight=False, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON values on standard output, for another program: undefined numbers as null, no colours, no wrapping."""
    sys.stdout.write(json.dumps(_defined(value), indent=2, allow_nan=False) + "\n")


def _defined(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _defined(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def printable(text: str) -> str:
    r"""`text` with control characters as escapes, such as \x1b, and bytes of names that are no UTF-8 likewise.

    File names and error messages can hold sequences that a terminal would obey.
    """
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _KEPT or not unicodedata.category(character).startswith("C"):
        return character
    return character.encode("unicode_escape").decode("ascii")
