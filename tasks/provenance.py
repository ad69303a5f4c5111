"""How a stage's results came about: recorded in artifacts/provenance, which no stage depends on."""

import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from tasks.code_files import REPOSITORY
from tasks.determinism import usable_cores
from tasks.progress import Progress, as_current
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

_PACKAGES: Final = ("torch", "torchvision", "numpy", "pyarrow", "opencv-python-headless", "av", "ray", "dvc", "prefect")
_NOTED_REVISION: Final = REPOSITORY / "REVISION"


@contextmanager
def recorded(stage: str, workspace: Workspace, digests: Callable[[], Mapping[str, Any]] = dict) -> Iterator[Progress]:
    """Run a stage inside: opens its progress, makes it the current one, and writes its provenance when it is done.

    `digests` gives what the run depends on, and is asked once the stage is done. A stage that fails leaves the
    provenance of the last good run in place; its end event reports the failure.
    """
    progress = Progress(workspace.state, stage)
    started, clock = datetime.now(UTC), time.monotonic()
    status = "failed"
    try:
        with as_current(progress):
            yield progress
        status = "done"
    except KeyboardInterrupt:
        status = "stopped"
        raise
    finally:
        progress.end(status, time.monotonic() - clock)
    record = _record(progress, started, time.monotonic() - clock) | dict(digests())
    _write(workspace.provenance / f"{stage}.json", record)


def read_provenance(workspace: Workspace, stage: str) -> dict[str, Any]:
    """Record of the last good run of `stage`; empty when there is none."""
    try:
        record = json.loads((workspace.provenance / f"{stage}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _record(progress: Progress, started: datetime, seconds: float) -> dict[str, Any]:
    return {
        "stage": progress.stage,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "revision": revision(),
        "hardware": hardware(),
        "versions": versions(),
        "notices": progress.notices,
        "rejects": progress.rejects,
        "summary": progress.metrics,
    }


def _write(path: Path, record: dict[str, Any]) -> None:
    write_whole(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def revision() -> str:
    """Commit of the code, with "+changes" when files differ from it; "unknown" outside git.

    An installed package notes it; the git around its folder would be another project's.
    """
    if _NOTED_REVISION.is_file():
        return _NOTED_REVISION.read_text(encoding="utf-8").strip()
    if not (REPOSITORY / ".git").exists():
        return "unknown"
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*arguments: str) -> str:
    ran = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=20)
    return ran.stdout.strip()


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and system of this machine; no host name."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def versions() -> dict[str, str]:
    """Versions of the packages that results may depend on."""
    packages = {}
    for package in _PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            continue
    return packages
