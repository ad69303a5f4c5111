"""Weight files as bytes."""

from pathlib import Path

from tasks.errors import InputError


def weight_bytes(path: Path) -> bytes:
    """The bytes of a weight file, for the key of what it computes.

    Raises:
        InputError: the file is not there.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = "no such weight file" if isinstance(error, FileNotFoundError) else error.strerror
        raise InputError(f"{path}: {reason}; train it, or bring released weights with import-weights") from error
