"""`make clean`: deletes what the stages of this checkout wrote, and keeps every file of another origin."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from flows.runtime.history import homes
from flows.runtime.kept_server import end_idle_server
from flows.runtime.recorded_runs import cached_files
from flows.runtime.repository import Repository, find_repository
from tasks.content_key import file_digest
from tasks.out_folder import written_files

_LOG: Final = logging.getLogger(__name__)
_REPORTS: Final = ("index.html", "summary.md", "figures.json", "clips")
"""Results below reports/ that git does not hold."""
_CACHES: Final = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")
_SHOWN: Final = 3


def clean(repository: Repository) -> list[Path]:
    """Delete stage outputs, working state and tool caches; return the files that were kept as foreign.

    A file below artifacts/, or of the report, is a stage's own if it is listed as written or stands in dvc.lock.
    """
    root = repository.root
    tracked = dict(_tracked(root))
    kept = []
    for path in sorted(_results(root)):
        written = written_files(path)
        if (written is not None and path in written) or _has_digest(path, tracked.get(path)):
            path.unlink()
        else:
            kept.append(path)
    for folder in (root / "artifacts", root / "reports" / "clips"):
        _remove_empty(folder)
    end_idle_server(homes(repository)[0])
    for name in (".corrtrack", *_CACHES):
        shutil.rmtree(root / name, ignore_errors=True)
    return kept


def _results(root: Path) -> Iterator[Path]:
    for base in (root / "artifacts", *(root / "reports" / name for name in _REPORTS)):
        if base.is_symlink() or base.is_file():
            yield base
        else:
            yield from (path for path in base.rglob("*") if path.is_symlink() or not path.is_dir())


def _tracked(root: Path) -> Iterator[tuple[Path, str]]:
    """Output files that dvc.lock knows, with their MD5; those of a folder as DVC's cache lists them."""
    lock = root / "dvc.lock"
    content: Any = YAML(typ="safe").load(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    for stage in content.get("stages", {}).values():
        for out in stage.get("outs", []):
            digest = str(out["md5"])
            for path, source in cached_files(root, out["path"], digest):
                yield root / path, source.parent.name + source.name


def _has_digest(path: Path, digest: str | None) -> bool:
    return digest is not None and path.is_file() and file_digest(path, "md5") == digest


def _remove_empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def main() -> None:
    """Clean the checkout in the working folder and log what was kept."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    repository = find_repository()
    kept = [path.relative_to(repository.root).as_posix() for path in clean(repository)]
    _LOG.info("deleted stage outputs, working state (.corrtrack/) and tool caches; data/ and the environment are kept")
    if kept:
        more = f" and {len(kept) - _SHOWN} more" if len(kept) > _SHOWN else ""
        _LOG.info("kept, since no stage wrote them: %s%s", ", ".join(kept[:_SHOWN]), more)


if __name__ == "__main__":
    main()
