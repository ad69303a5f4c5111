"""Text as programs write it: UTF-8, UTF-16 or Latin-1, with or without a byte order mark, with any line ends."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_of(path: Path) -> str:
    """`decoded_text` of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text.
    """
    return decoded_text(path.read_bytes())


def decoded_text(data: bytes) -> str:
    """The text without byte order mark, its lines ended by a line feed each.

    Raises:
        ValueError: the bytes are in none of these encodings; text has no zero bytes.
    """
    try:
        text = data.decode(_encoding(data))
    except UnicodeDecodeError:
        if data.startswith(_WIDE) or 0 in data:
            raise
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(text: str) -> Iterator[str]:
    """Yield what `splitlines` would list, without the list: a file of boxes may have millions of lines."""
    for part in re.finditer(r"[^\n]*\n|[^\n]+", text):
        yield from part.group().splitlines()


def begins_like_json(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a JSON list or object."""
    return head.decode(_encoding(head), errors="ignore").lstrip()[:1] in ("{", "[")


def _encoding(data: bytes) -> str:
    """Each drops the byte order mark; UTF-16 without one is known by the zero byte of its first character."""
    if data.startswith(_WIDE):
        return "utf-16"
    if len(data) > 1 and 0 in data[:2]:
        return "utf-16-le" if data[1] == 0 else "utf-16-be"
    return "utf-8-sig"
