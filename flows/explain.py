"""`corrtrack explain`: what a result comes from, by the records of its stage and of all stages behind it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from flows.runtime.pipeline import params_of, read_pipeline, stages_of_lock
from flows.runtime.recorded_runs import cached_files
from flows.runtime.repository import Repository
from tasks.content_key import file_digest
from tasks.errors import InputError
from tasks.provenance import read_provenance
from tasks.run_digests import params_digest

_KEPT: Final = ("revision", "started", "seconds", "hardware", "versions")
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
    path = below(repository.root, file)
    pipeline = read_pipeline(repository.root / "dvc.yaml")
    lock = stages_of_lock(repository.root / "dvc.lock")
    stage = pipeline.writer(path)
    if stage is None or not file.exists() or stage not in lock:
        raise InputError(
            f"{file}: expected a result of a stage that dvc.lock records, such as artifacts/tables/tracks or "
            f"reports/metrics.json, or a finished run, got {_instead(stage, lock)}; `corrtrack reproduce` writes them"
        )
    entries = [lock[name] for name in pipeline.with_upstream(stage) if name in lock]
    params = {name: params_of(entry) for name, entry in lock.items()}
    return {
        "file": path.as_posix(),
        "is_recorded": _is_recorded(repository, lock[stage], path),
        **stage_with_chain(
            partial(read_provenance, repository.workspace), stage, pipeline.with_upstream(stage), params
        ),
        "seed": params[stage].get("run", {}).get("seed"),
        "data": _digests(entries, lambda name: name.split("/")[0] == "data"),
        "weights": _digests(entries, lambda name: name.endswith(".safetensors")),
    }


def below(root: Path, file: Path) -> Path:
    """`file` relative to `root`, which it may be named through links of.

    Raises:
        InputError: it lies elsewhere.
    """
    try:
        return (file.parent.resolve() / file.name).relative_to(root)  # DVC may link the file to its cache
    except ValueError:
        raise InputError(
            f"{file}: expected a file in the checkout {root} or in an out folder, got one outside it"
        ) from None


def stage_with_chain(
    record_of: Callable[[str], Mapping[str, Any]],
    stage: str,
    stages: Iterable[str],
    params: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The last run of `stage`, with those of the other `stages` as `chain`.

    Args:
        record_of: the provenance of a stage.
        stage: the one in front.
        stages: all that are shown.
        params: the sections of each.
    """

    def run(name: str) -> dict[str, Any]:
        record = record_of(name)
        digest = params_digest(params.get(name, {}))
        return {"stage": name, "params_sha256": digest, **{key: record.get(key) for key in _KEPT}}

    return run(stage) | {"chain": [run(name) for name in stages if name != stage]}


def _instead(stage: str | None, lock: Mapping[str, Any]) -> str:
    if stage is None:
        return "a file that no stage writes and no command has recorded"
    return "no such file" if stage in lock else f"no run of {stage}"


def _digests(entries: list[dict[str, Any]], is_wanted: Callable[[str], bool]) -> dict[str, str]:
    """MD5 by path, as DVC has it, of what the stages read and what is wanted."""
    read = {dep["path"]: str(dep.get("md5")) for entry in entries for dep in entry.get("deps", [])}
    return {name: digest for name, digest in sorted(read.items()) if is_wanted(name)}


def _is_recorded(repository: Repository, entry: Mapping[str, Any], path: Path) -> bool | None:
    file = repository.root / path
    if file.is_dir():
        return None
    digest = file_digest(file, "md5")
    for out in entry.get("outs", []):
        if path.is_relative_to(out["path"]):
            sources = dict(cached_files(repository.root, out["path"], str(out["md5"])))
            if out["path"] in sources and str(out["md5"]).endswith(".dir"):
                return None
            source = sources.get(path.as_posix())
            return source is not None and source.parent.name + source.name == digest
    return False
