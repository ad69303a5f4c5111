"""`corrtrack explain`: what a result comes from, by the records of its stage and of all stages behind it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.runtime.pipeline import Pipeline, params_of, read_pipeline, stages_of_lock
from flows.runtime.recorded_runs import cached_files
from flows.runtime.repository import Repository
from tasks.errors import InputError
from tasks.provenance import read_provenance

_KEPT = ("revision", "started", "seconds", "hardware", "versions")
"""What a stage's provenance says about its run."""


def explain(repository: Repository, file: Path) -> dict[str, Any]:
    """What an output of the checkout comes from, as JSON values.

    Args:
        repository: the checkout.
        file: a file that a stage writes, or a folder of them.

    Returns:
        The stage with the record of its last run, digests of data and weights, and under `chain` the record of every
        stage behind it, in pipeline order. `is_recorded` says whether the bytes are those in dvc.lock; it is None for a
        folder, and where DVC's cache has no listing of the folder that the file is in.

    Raises:
        InputError: no stage writes the file, it is absent, or dvc.lock has no run of its stage.
    """
    path = _relative(repository, file)
    pipeline = read_pipeline(repository.root / "dvc.yaml")
    lock = stages_of_lock(repository.root / "dvc.lock")
    stage = _stage_of(pipeline, path)
    if stage is None or not file.exists() or stage not in lock:
        got = (
            "a file that no stage writes"
            if stage is None
            else "no such file"
            if stage in lock
            else f"no run of {stage}"
        )
        raise InputError(
            f"{file}: expected a result of a stage that dvc.lock records, such as artifacts/tables/tracks or "
            f"reports/metrics.json, got {got}; `corrtrack reproduce` writes them"
        )
    chain = [name for name in pipeline.with_upstream(stage) if name != stage]
    entries = [lock[name] for name in [*chain, stage] if name in lock]
    seed = params_of(lock[stage]).get("run", {}).get("seed")
    return {
        "file": path.as_posix(),
        "is_recorded": _is_recorded(repository, lock[stage], path),
        **_run(repository, stage, lock),
        "seed": seed,
        "data": _digests(entries, lambda name: name.split("/")[0] == "data"),
        "weights": _digests(entries, lambda name: name.endswith(".safetensors")),
        "chain": [_run(repository, name, lock) for name in chain],
    }


def _relative(repository: Repository, file: Path) -> Path:
    try:
        return (file.parent.resolve() / file.name).relative_to(repository.root)  # DVC may link the file to its cache
    except ValueError:
        raise InputError(f"{file}: expected a file in the checkout {repository.root}, got one outside it") from None


def _stage_of(pipeline: Pipeline, path: Path) -> str | None:
    for stage, outs in pipeline.outs.items():
        if any(path.is_relative_to(out) for out in outs):
            return stage
    return None


def _run(repository: Repository, stage: str, lock: Mapping[str, Any]) -> dict[str, Any]:
    record = read_provenance(repository.workspace, stage)
    params = params_of(lock.get(stage, {}))
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    return {"stage": stage, "params_sha256": digest, **{name: record.get(name) for name in _KEPT}}


def _digests(entries: list[dict[str, Any]], is_wanted: Any) -> dict[str, str]:
    """MD5 by path, as DVC has it, of what the stages read and what is wanted."""
    read = {dep["path"]: str(dep.get("md5")) for entry in entries for dep in entry.get("deps", [])}
    return {name: digest for name, digest in sorted(read.items()) if is_wanted(name)}


def _is_recorded(repository: Repository, entry: Mapping[str, Any], path: Path) -> bool | None:
    file = repository.root / path
    if file.is_dir():
        return None
    digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    for out in entry.get("outs", []):
        if path.is_relative_to(out["path"]):
            sources = dict(cached_files(repository.root, out["path"], str(out["md5"])))
            if out["path"] in sources and str(out["md5"]).endswith(".dir"):
                return None
            source = sources.get(path.as_posix())
            return source is not None and source.parent.name + source.name == digest
    return False
