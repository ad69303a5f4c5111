"""Finished runs that can be compared: git revisions, saved runs, out folders, and the working tree.

A revision or saved run is a dvc.lock with its params.yaml; the bytes of its tables and data lie in DVC's cache under
the digests of the lock, and are linked into a folder, never copied.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.runtime.repository import Repository
from flows.runtime.saved_runs import PROVENANCE, RECORDED, runs_folder, stage_records
from tasks.comparison.versions import Version
from tasks.errors import InputError
from tasks.out_folder import MARKER
from tasks.workspace import Workspace

WORKING_TREE: Final = "."
_NEEDED: Final = ("artifacts/tables/videos.parquet", "artifacts/tables/frames.parquet", "artifacts/tables/tracks")


def find_version(repository: Repository, name: str) -> Version:
    """The finished run that the user calls `name`.

    Args:
        repository: the checkout.
        name: `.` for the working tree, the name of a saved run, an out folder of `reprocess`, `OUT@NAME` for a run that
            is saved in one, a DVC experiment, or a git revision.

    Raises:
        InputError: there is no such run, or its results are not at hand; says how to get them.
    """
    if name == WORKING_TREE:
        return _working_tree(repository)
    if (Path(name) / MARKER).is_file():
        return _out_folder(Path(name).resolve(), name)
    out, _, saved = name.rpartition("@")
    if out and (Path(out) / MARKER).is_file():
        return _saved_out_folder(Path(out).resolve(), saved, name)
    if Path(name).name == name and (folder := runs_folder(repository.root) / name).is_dir():
        records = json.loads(_text(folder / PROVENANCE) or "{}")
        return _recorded(repository, name, {file: _text(folder / file) for file in RECORDED}, records)
    revision = _experiment(repository, name) or name
    records = {"track": {"revision": _commit(repository, revision)}}
    return _recorded(repository, name, {file: _at_revision(repository, revision, file) for file in RECORDED}, records)


def _working_tree(repository: Repository) -> Version:
    for path in _NEEDED:
        if not (repository.root / path).exists():
            raise InputError(
                f"{repository.root}: expected the results of a run, got no {path}; run `corrtrack reproduce`"
            )
    params = _yaml("params.yaml", _text(repository.params))
    lock = _yaml("dvc.lock", _text(repository.root / "dvc.lock"))
    stages = lock.get("stages", {})
    records = stage_records(repository.workspace)
    return Version("working tree", repository.workspace, params, stages, records, _digests(stages))


def _out_folder(folder: Path, name: str, *, artifacts: Path | None = None) -> Version:
    artifacts = artifacts or folder / "artifacts"
    request = _text(artifacts / "request.json")
    if request is None:
        raise InputError(f"{name}: expected a finished run of reprocess, got no artifacts/request.json; run it again")
    record = json.loads(request)
    view = folder / ".corrtrack" / "corpus"
    data = view if view.is_dir() else Path(record["corpus"])
    workspace = Workspace(data, artifacts, folder / "reports", folder / ".corrtrack")
    weights = {f"{network} weights": entry["sha256"] for network, entry in record.get("weights", {}).items()}
    return Version(name, workspace, record["params"], {}, stage_records(workspace), weights)


def _saved_out_folder(out: Path, saved: str, name: str) -> Version:
    folder = runs_folder(out) / saved
    if not saved or not folder.is_dir():
        names = ", ".join(sorted(path.name for path in runs_folder(out).glob("[!.]*"))) or "none"
        raise InputError(f"{name}: expected a run saved in {out}, got none called {saved!r}; saved there: {names}")
    return _out_folder(out, name, artifacts=folder / "artifacts")


def _digests(stages: Mapping[str, Any]) -> dict[str, str]:
    """MD5 of data and weights that the stages read, by path."""
    read = {dep["path"]: str(dep.get("md5")) for stage in stages.values() for dep in stage.get("deps", [])}
    return {path: digest for path, digest in sorted(read.items()) if path == "data" or path.endswith(".safetensors")}


def _recorded(repository: Repository, name: str, content: dict[str, str | None], records: Mapping[str, Any]) -> Version:
    for file, text in content.items():
        if text is None:
            raise InputError(
                f"{name}: expected a git revision, a saved run or an out folder of this checkout, got none with {file}"
            )
    stages = _yaml("dvc.lock", content["dvc.lock"]).get("stages", {})
    outs = {out["path"]: str(out["md5"]) for stage in stages.values() for out in stage.get("outs", [])}
    missing = [path for path in _NEEDED if path not in outs]
    if missing:
        raise InputError(f"{name}: expected {missing[0]} among the outputs in its dvc.lock, got an older layout")
    outs |= {out["path"]: str(out["md5"]) for out in _yaml("data.dvc", content["data.dvc"])["outs"]}
    folder = _linked(repository, name, {path: digest for path, digest in outs.items() if _is_compared(path)})
    workspace = Workspace(folder / "data", folder / "artifacts", folder / "reports", repository.state)
    params = _yaml("params.yaml", content["params.yaml"])
    return Version(name, workspace, params, stages, records, _digests(stages))


def _is_compared(path: str) -> bool:
    return path == "data" or path.startswith("artifacts/tables/")


def _linked(repository: Repository, name: str, outs: dict[str, str]) -> Path:
    """A folder of links into DVC's cache that looks like the checkout did."""
    key = hashlib.sha256(json.dumps(outs, sort_keys=True).encode()).hexdigest()
    folder = repository.root / ".corrtrack" / "compare" / key[:16]
    if folder.is_dir():
        return folder
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for path, digest in outs.items():
        for target, source in cached_files(repository.root, path, digest):
            if not source.is_file():
                raise InputError(
                    f"{name}: expected {target} in DVC's cache, got nothing; "
                    f"fetch it from a remote (`dvc fetch --rev {name}`) or run that version again"
                )
            (partial / target).parent.mkdir(parents=True, exist_ok=True)
            (partial / target).symlink_to(source)
    partial.rename(folder)
    return folder


def cached_files(root: Path, path: str, digest: str) -> Iterator[tuple[str, Path]]:
    """Files of an output with the digest that DVC recorded, each by its path below `root`, and where the cache has it.

    An output folder whose listing is not in the cache gives that listing, which is then no file.
    """
    cache = root / ".dvc" / "cache" / "files" / "md5"
    source = cache / digest[:2] / digest[2:]
    if not digest.endswith(".dir") or not source.is_file():
        yield path, source
        return
    for entry in json.loads(source.read_text(encoding="utf-8")):
        yield f"{path}/{entry['relpath']}", cache / entry["md5"][:2] / entry["md5"][2:]


def _experiment(repository: Repository, name: str) -> str | None:
    """The ref of the DVC experiment of this name, on HEAD rather than on another commit; None where there is none."""
    command = ["git", "for-each-ref", "--format=%(refname)", "--contains=HEAD", "--sort=-creatordate", "refs/exps"]
    refs: list[str] = []
    for listing in (command, [part for part in command if not part.startswith("--contains")]):
        refs += subprocess.run(listing, cwd=repository.root, capture_output=True, text=True, check=False).stdout.split()
    return next((ref for ref in refs if ref.split("/", 4)[4:] == [name]), None)  # refs/exps/COM/MIT/NAME


def _at_revision(repository: Repository, revision: str, file: str) -> str | None:
    command = ["git", "show", "--end-of-options", f"{revision}:{file}"]
    ran = subprocess.run(command, cwd=repository.root, capture_output=True, text=True, check=False)
    return ran.stdout if ran.returncode == 0 else None


def _commit(repository: Repository, revision: str) -> str:
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    ran = subprocess.run(command, cwd=repository.root, capture_output=True, text=True, check=False)
    return ran.stdout.strip() or "unknown"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _yaml(name: str, text: str | None) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load(text or "")
    except YAMLError as error:
        raise InputError(f"{name}: expected YAML, got {str(error).splitlines()[0]}") from None
    return content if isinstance(content, dict) else {}
