"""Work that is done once: again only after a change of code, params or inputs."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tasks.params.sections import Params
from tasks.stages import REPOSITORY, module_files
from tasks.whole_files import write_whole

_NO_RESULT: Final = "compute"
"""The section that changes no result."""


def key_of(module: str, params: Params, *inputs: str | Path) -> str:
    """Digest of what a result depends on: the code of `module`, the params, earlier keys and the bytes of files."""
    digest = hashlib.sha256()
    for name in sorted(module_files(module)):
        digest.update(name.encode() + (REPOSITORY / name).read_bytes())
    numbers = params.model_dump(mode="json", exclude={_NO_RESULT})
    digest.update(json.dumps(numbers, sort_keys=True).encode())
    for part in inputs:
        digest.update(hashlib.sha256(part.read_bytes() if isinstance(part, Path) else part.encode()).digest())
    return digest.hexdigest()


def once(marker: Path, key: str, work: Callable[[], object], *, results: Iterable[Path] = ()) -> bool:
    """Do `work` unless `marker` tells that it was done under the same key and its results are there.

    The marker is written last, so that work that was broken off is done again. Returns whether it was done now.
    """
    if marker.is_file() and marker.read_text(encoding="utf-8") == key and all(path.exists() for path in results):
        return False
    marker.unlink(missing_ok=True)
    work()
    write_whole(marker, key)
    return True
