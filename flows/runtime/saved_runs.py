"""Runs that are kept under a name, by reference: of the checkout by digests, of an out folder by hard links."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

from flows.runtime.repository import Repository
from tasks.errors import InputError
from tasks.provenance import read_provenance
from tasks.stages import STAGES
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

RECORDED: Final = ("dvc.lock", "data.dvc", "params.yaml")
"""Files that describe a run of the checkout."""
PROVENANCE: Final = "provenance.json"
"""Beside them in a saved run: how its stages ran."""


def runs_folder(root: Path) -> Path:
    """Where runs of the checkout or out folder `root` are kept, each in a folder of its name."""
    return root / ".corrtrack" / "runs"


def stage_records(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Provenance of the last run of each stage."""
    records = {stage: read_provenance(workspace, stage) for stage in STAGES}
    return {stage: record for stage, record in records.items() if record}


def require_plain_name(name: str) -> None:
    """Refuse a name that no run can be saved under.

    Raises:
        InputError: it is no plain file name.
    """
    if not name or Path(name).name != name or name.startswith("."):
        raise InputError(f"--save {name}: expected a plain name such as tau-0.2, got {name!r}")


def require_new_name(out: Path, name: str) -> None:
    """Refuse a name that no run of the out folder can be saved under, before the run.

    Raises:
        InputError: it is no plain file name, or it is taken.
    """
    require_plain_name(name)
    if (folder := runs_folder(out.expanduser()) / name).exists():
        raise InputError(f"--save {name}: expected a new name, found a saved run; choose another, or delete {folder}")


def save_run(repository: Repository, name: str) -> Path:
    """Keep the run in the working tree under a name: its params and the digests of its results, no copy of them.

    Raises:
        InputError: the name is no plain file name, is taken by another run, or there is no finished run.
    """
    require_plain_name(name)
    folder = runs_folder(repository.root) / name
    content = {file: _text(repository.root / file) for file in RECORDED}
    for file, text in content.items():
        if text is None:
            raise InputError(f"--save {name}: expected {file} of a finished run, got none; run `corrtrack reproduce`")
        if (folder / file).is_file() and _text(folder / file) != text:
            raise InputError(f"--save {name}: expected a new name, found another run saved under it; choose another")
    for file, text in content.items():
        write_whole(folder / file, text or "")
    write_whole(folder / PROVENANCE, json.dumps(stage_records(repository.workspace), indent=2) + "\n")
    return folder


def save_out_folder(out: Path, name: str) -> Path:
    """Keep the run in an out folder under a name: hard links of its tables, params and provenance.

    Later runs replace these files and never write into them, so that the links keep what they held. Where the disk
    knows no hard links, they are copied.

    Raises:
        InputError: as `require_new_name`.
    """
    require_new_name(out, name)
    folder, artifacts = runs_folder(out) / name, out / "artifacts"
    partial = folder.with_name(f".{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    files = [artifacts / "request.json", *artifacts.glob("provenance/*.json"), *artifacts.glob("tables/**/*.parquet")]
    for path in files:
        target = partial / path.relative_to(out)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copy2(path, target)
    partial.rename(folder)
    return folder


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
