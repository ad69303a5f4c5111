"""How much a command shows: with `-v` everything that it and its stages log."""

import logging
from pathlib import Path
from typing import Final

from tasks.progress import read_whole_lines

_RINGS: Final = ("flows", "tasks", "models")
"""Packages of this project; what libraries log stays out."""


def show_messages(*, verbose: bool) -> None:
    """Show warnings on standard error, and with `verbose` every message of this project."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for ring in _RINGS:
        logging.getLogger(ring).setLevel(logging.DEBUG if verbose else logging.NOTSET)


def is_verbose() -> bool:
    """Whether every message is to be shown."""
    return logging.getLogger("flows").level == logging.DEBUG


class OutputFile:
    """The output of a program that runs, read line by line while it grows; nothing of it unless messages are shown."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._is_read = path, 0, is_verbose()

    def new_lines(self) -> list[str]:
        """Whole lines since the last call."""
        if not self._is_read:
            return []
        whole, self._offset = read_whole_lines(self._path, self._offset)
        return [line for line in whole.decode(errors="replace").splitlines() if line.strip()]
