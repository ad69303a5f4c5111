"""The stages of dvc.yaml as a graph: which of them are stale, and which an upstream result may make so."""

import fcntl
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.runtime.repository import Repository


class PipelineError(RuntimeError):
    """DVC could not find out what is stale."""


@dataclass(frozen=True)
class Pipeline:
    """Stages in the order of dvc.yaml, with the files each reads and writes, relative to the repository."""

    deps: Mapping[str, frozenset[str]]
    outs: Mapping[str, frozenset[str]]
    params: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Sections of params.yaml that each stage depends on."""

    @property
    def stages(self) -> list[str]:
        """Stage names in pipeline order."""
        return list(self.deps)

    def with_downstream(self, stale: set[str]) -> list[str]:
        """`stale` and every stage that reads what one of them may write anew, in pipeline order."""
        reached = set(stale)
        for stage in self.stages:
            if any(self._reads(stage, other) for other in reached):
                reached.add(stage)
        return [stage for stage in self.stages if stage in reached]

    def with_upstream(self, stage: str) -> list[str]:
        """`stage` and every stage that it reads from, directly or not, in pipeline order."""
        reached = [stage]
        for name in reached:
            reached += [other for other in self.upstream(name) if other not in reached]
        return [name for name in self.stages if name in reached]

    def writer(self, path: Path) -> str | None:
        """The stage that writes `path`, a file or folder relative to the repository; None where none does."""
        for stage, outs in self.outs.items():
            if any(path.is_relative_to(out) for out in outs):
                return stage
        return None

    def upstream(self, stage: str) -> list[str]:
        """Every stage that writes what `stage` reads, in pipeline order."""
        return [other for other in self.stages if self._reads(stage, other)]

    def inputs_are_recorded(self, stage: str, lock: Path) -> bool:
        """Whether dvc.lock records `stage` with the very bytes that its upstream stages wrote last.

        True means that every upstream stage ran again and came out identical, so that `stage` has nothing to do. DVC
        may be writing the file just now, for a stage beside this one: a file cut off anywhere never gives True.
        """
        try:
            read, written = _digests_of_lock(lock, stage)
        except (OSError, UnicodeDecodeError, YAMLError, LookupError, TypeError, AttributeError):
            return False
        outs = {out for other in self.stages for out in self.outs[other]}
        made = {dep for dep in self.deps[stage] if any(_overlap(dep, out) for out in outs)}
        return self.deps[stage] <= read.keys() and all(dep in written and written[dep] == read[dep] for dep in made)

    def _reads(self, stage: str, other: str) -> bool:
        return any(_overlap(dep, out) for dep in self.deps[stage] for out in self.outs[other])


def pipeline_file(root: Path) -> Path:
    """The declared pipeline of a checkout, dvc.yaml, or of an installed package, which calls it otherwise."""
    file = root / "dvc.yaml"
    return file if file.is_file() else root / "pipeline.yaml"


def read_pipeline(path: Path) -> Pipeline:
    """The pipeline that the file dvc.yaml declares; its stages stand in running order (tested)."""
    stages = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["stages"]
    return Pipeline(
        deps={name: frozenset(map(_path, stage.get("deps", []))) for name, stage in stages.items()},
        outs={
            name: frozenset(map(_path, [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]))
            for name, stage in stages.items()
        },
        params={name: stage.get("params", []) for name, stage in stages.items()},
    )


def dvc_status(repository: Repository, *, waits: bool = True) -> dict[str, Any]:
    """The answer of `dvc status`, asked once per run: stage or .dvc file -> what changed.

    Args:
        repository: the checkout.
        waits: for another DVC command that holds the checkout, which fails the call otherwise.

    Raises:
        PipelineError: dvc failed; the message is dvc's.
    """
    ran = subprocess.run(
        ["dvc", *["--wait-for-lock"] * waits, "status", "--json"],
        cwd=repository.root,
        env=repository.environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if ran.returncode != 0:
        raise PipelineError(f"dvc status: {ran.stderr.strip() or ran.stdout.strip()}")
    status: dict[str, Any] = json.loads(ran.stdout)
    return status


def move_broken_lock(repository: Repository) -> Path | None:
    """Move a dvc.lock that is no YAML out of the way and return its new path: a killed DVC may have left half of one.

    Nothing is lost: DVC finds the results of the stages in its cache of runs.
    """
    lock = repository.root / "dvc.lock"
    try:
        whole = not lock.is_file() or isinstance(YAML(typ="safe").load(lock.read_text(encoding="utf-8")), dict)
    except (YAMLError, UnicodeDecodeError):
        whole = False
    if whole:
        return None
    target = repository.state / "dvc.lock.broken"
    target.parent.mkdir(parents=True, exist_ok=True)
    lock.replace(target)
    return target


def remove_broken_rwlock(root: Path) -> None:
    """Delete the list of what DVC's commands read and write in a checkout, where a kill has cut it off.

    Every later command of DVC would fail by it. Those that are at work are waited for, as DVC does it.
    """
    listing = root / ".dvc" / "tmp" / "rwlock"
    if _is_json(listing):
        return
    with listing.with_name("rwlock.lock").open("a", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # DVC holds it while it writes
        if not _is_json(listing):
            listing.unlink()


def _is_json(path: Path) -> bool:
    """Whether the file is JSON; one that is not there counts as such."""
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


def stages_of_lock(lock: Path) -> dict[str, Any]:
    """What dvc.lock records of each stage, by name; empty where there is no such file."""
    if not lock.is_file():
        return {}
    stages: dict[str, Any] = YAML(typ="safe").load(lock.read_text(encoding="utf-8")).get("stages", {})
    return stages


def params_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of params.yaml that a stage ran with, by its entry in dvc.lock."""
    sections: dict[str, Any] = entry.get("params", {}).get("params.yaml", {})
    return sections


def _digests_of_lock(lock: Path, stage: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Digest by path of what `stage` read, and of what all stages wrote, as dvc.lock records them."""
    entries = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]
    read = {_path(dep): dep["md5"] for dep in entries[stage]["deps"]}
    written = {_path(out): out["md5"] for entry in entries.values() for out in entry.get("outs", [])}
    return read, written


def _path(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    return str(entry["path"] if "path" in entry else next(iter(entry)))


def _overlap(first: str, second: str) -> bool:
    shorter, longer = sorted((Path(first), Path(second)), key=lambda path: len(path.parts))
    return longer.parts[: len(shorter.parts)] == shorter.parts
