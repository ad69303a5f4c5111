"""Output whose reader has gone, as that of `corrtrack reprocess ... | head -1`: the work goes on without it."""

import io
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class LastingFile(io.FileIO):
    """A file whose bytes are dropped once nobody can read them."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what the file takes; its number of bytes."""
        with suppress(BrokenPipeError):
            return super().write(data)
        return memoryview(data).nbytes


def outlast_readers() -> None:
    """Let no closed pipe behind standard output and standard error end this process."""
    sys.stdout, sys.stderr = _lasting(sys.stdout), _lasting(sys.stderr)


def _lasting(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):  # there is none, or a program that calls this one has its own
        return stream
    stream.flush()
    binary = io.BufferedWriter(LastingFile(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(
        binary, encoding=stream.encoding, errors=stream.errors, line_buffering=stream.line_buffering
    )
