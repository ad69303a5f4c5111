"""DVC as a run calls it: this file, run as a program, does what `dvc` does with the same arguments, sooner.

Before it writes what a stage did, DVC reads dvc.lock by a parser that keeps comments, which takes it two seconds of
each stage. Nobody but DVC writes that file, so there are none: it is read here as DVC reads it elsewhere.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

COMMAND: Final = (sys.executable, "-P", str(Path(__file__).resolve()), "--wait-for-lock")
"""Works in any folder, since the file imports nothing of this project; -P keeps what lies beside it out of the way."""


def main(arguments: list[str] | None = None) -> int:
    """Run DVC and return its exit code."""
    import dvc.dvcfile  # loads much, which COMMAND does not need
    from dvc.cli import main as run_dvc

    dvc.dvcfile.modify_yaml = _modify_yaml
    return int(run_dvc(arguments))


@contextmanager
def _modify_yaml(path: Any, fs: Any = None) -> Iterator[dict[str, Any]]:
    """DVC's own, but for the parser of dvc.lock."""
    from dvc.utils import serialize

    if Path(path).name != "dvc.lock":
        with serialize.modify_yaml(path, fs=fs) as content:
            yield content
        return
    known: dict[str, Any] = serialize.load_yaml(path, fs=fs) if Path(path).exists() else {}
    yield known
    serialize.dump_yaml(path, known, fs=fs)


if __name__ == "__main__":
    sys.exit(main())
