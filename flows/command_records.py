"""What files come from that a command wrote, rather than a stage: pages of compare and sweep, exports, conversions.

The folder that they lie in (the checkout, or an out folder) keeps a record of each such command in its working state.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.explain import stage_with_chain
from flows.runtime.pipeline import pipeline_file, read_pipeline
from flows.runtime.recorded_runs import find_version
from flows.runtime.repository import Repository
from flows.runtime.saved_runs import runs_folder
from tasks.comparison.versions import Version
from tasks.content_key import content_key, file_digest
from tasks.errors import InputError
from tasks.provenance import hardware, revision, versions
from tasks.stages import STAGES
from tasks.whole_files import write_whole

_LAST = "merge"
"""The last stage whose results commands read of a run."""


def record_command(root: Path, command: str, files: Iterable[Path], sources: Sequence[Mapping[str, Any]]) -> None:
    """Note that `command` has written `files`, all below `root`, from `sources`; it replaces its record of them.

    Args:
        root: the checkout, or the out folder.
        command: its name.
        files: what it wrote.
        sources: what it read, as `run_source` describes a run and `file_source` a file.
    """
    digests = {path.relative_to(root).as_posix(): file_digest(path) for path in files}
    record = {
        "command": command,
        "written": datetime.now(UTC).isoformat(timespec="microseconds"),
        "revision": revision(),
        "hardware": hardware(),
        "versions": versions(),
        "sources": list(sources),
        "files": digests,
    }
    name = content_key({"command": command, "files": sorted(digests)})[:16]
    write_whole(_records(root) / f"{name}.json", json.dumps(record, indent=2) + "\n")


def run_source(repository: Repository, version: Version) -> dict[str, Any]:
    """A finished run as a source: its params, seed, data and weights by digest, and the last run of each stage."""
    pipeline = read_pipeline(pipeline_file(repository.root))
    last = _LAST if _LAST in pipeline.stages else pipeline.stages[-1]  # a checkout may declare a part of the stages
    stages = [name for name in pipeline.with_upstream(last) if version.stages or STAGES[name].fits_external_corpus]
    params = {name: {part: version.params.get(part) for part in pipeline.params[name]} for name in stages}
    ran = {stage: record for stage, record in version.records.items() if "started" in record}  # not a mere commit
    chain = stage_with_chain(lambda name: ran.get(name, {}), last, stages, params)
    behind = [*chain.pop("chain"), chain]
    return version.origin() | {"title": version.name, "chain": behind}


def explain_run(repository: Repository, file: Path) -> dict[str, Any] | None:
    """The finished run that `file` is the name of, or that is saved in that folder; None where there is none.

    A file of the name of a run comes first.
    """
    saved, path = runs_folder(repository.root), file.parent.resolve() / file.name
    if path != saved and path.is_relative_to(saved):
        name = path.relative_to(saved).parts[0]
    elif file.exists() or file.name != str(file):
        return None
    else:
        name = str(file)
    try:
        version = find_version(repository, name)
    except InputError:
        return None
    return {"run": name} | run_source(repository, version)


def file_source(path: Path) -> dict[str, Any]:
    """A file or folder of the user's as a source; only a file has a digest."""
    facts = {"sha256": file_digest(path)} if path.is_file() else {}
    return {"title": str(path), "sentence": "", "facts": facts, "chain": []}


def explain_command(file: Path) -> dict[str, Any] | None:
    """The record of the command that wrote `file` (or a file below it) last; None where none did.

    `is_recorded` says whether its bytes are those that the command wrote; it is None for a folder.

    Raises:
        InputError: a command wrote the file, and it is no more there.
    """
    path = file.parent.resolve() / file.name
    for folder in (path, *path.parents):
        records = [record for record in _read(folder) if _lists(record, path.relative_to(folder))]
        if records:
            if not path.exists():
                raise InputError(
                    f"{file}: expected a file that `corrtrack {records[0]['command']}` wrote, got no such file"
                )
            last = max(records, key=lambda record: str(record["written"]))
            return _answer(last, path.relative_to(folder), path)
    return None


def _answer(record: dict[str, Any], name: Path, path: Path) -> dict[str, Any]:
    files = record.pop("files")
    is_recorded = None if path.is_dir() else files[name.as_posix()] == file_digest(path)
    return {"file": name.as_posix(), "is_recorded": is_recorded, **record}


def _lists(record: Mapping[str, Any], name: Path) -> bool:
    return any(Path(listed).is_relative_to(name) for listed in record["files"])


def _read(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(_records(folder).glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def _records(root: Path) -> Path:
    return root / ".corrtrack" / "commands"
