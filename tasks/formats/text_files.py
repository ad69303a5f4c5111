"""Text as programs write it: UTF-8 or UTF-16, with or without a byte order mark, with any line ends."""

import codecs
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
        ValueError: the bytes are neither UTF-8 nor UTF-16 with a byte order mark.
    """
    text = data.decode(_encoding(data))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def begins_like_json(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a JSON list or object."""
    return head.decode(_encoding(head), errors="ignore").lstrip()[:1] in ("{", "[")


def _encoding(data: bytes) -> str:
    """Each drops the byte order mark."""
    return "utf-16" if data.startswith(_WIDE) else "utf-8-sig"
