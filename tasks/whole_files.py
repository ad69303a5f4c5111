"""Files that appear whole or not at all: written under a temporary name in their folder, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.out_folder import written_files


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it becomes `path` when the with block ends well, and is removed when it does not.

    The folder is made. The temporary name keeps the ending of `path`, since some writers choose a format by it.

    Raises:
        InputError: `path` lies in an out folder and exists, but corrtrack did not write it.
    """
    path = path.absolute()
    written = written_files(path)
    if written is not None:
        written.require_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        if written is not None:
            written.record(path)
        partial.replace(path)
    except OSError as error:
        if error.errno and error.filename is None:  # a write names no file: without it nobody knows which disk is full
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> Path:
    """Write `text` as UTF-8 to `path`, whole or not at all, and return the path."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path
