"""Content keys: equal exactly when everything that a result depends on is equal."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.code_files import REPOSITORY, code_files
from tasks.provenance import versions


def content_key(parts: Any) -> str:
    """SHA-256 as hex over `parts`: JSON values, bytes, and paths, of which the content counts and not the name.

    Mappings and sequences of them may nest; the order of a mapping's keys does not matter.
    """
    text = json.dumps(_as_json(parts), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def code_key(*modules: str) -> str:
    """Key of all code that importing `modules` runs, and of the data files beside it."""
    return content_key({name: REPOSITORY / name for name in code_files(*modules)})


def packages_key() -> str:
    """Key of the packages that code runs with: the lock file, or the installed versions where there is none."""
    lock = REPOSITORY / "requirements.lock"
    return content_key(lock if lock.is_file() else versions())


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a file's bytes as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _as_json(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {str(name): _as_json(inner) for name, inner in part.items()}
    if isinstance(part, list | tuple):
        return [_as_json(inner) for inner in part]
    if isinstance(part, Path):
        return {"sha256": file_digest(part)}
    return {"sha256": hashlib.sha256(part).hexdigest()} if isinstance(part, bytes) else part
