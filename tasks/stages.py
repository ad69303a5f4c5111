"""The stages in pipeline order, and the project's own modules that each of them runs."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

STAGES: Final = MappingProxyType(
    {
        "index": "read and check the corpus: videos, frames, pictures, persons, and what was set aside",
        "pretrain": "train the pose network on COCO persons (6.1)",
        "finetune": "train it further on PoseTrack persons (6.1)",
        "train_siamese": "train the Siamese network on warped COCO pictures (4.1, 4.3)",
        "train_refinement": "train the refinement of its maps, the Siamese network frozen (4.2, 4.3)",
        "train_reid": "train the re-identification baseline on PoseTrack tracks (6.2)",
        "detect": "person boxes of every frame, from a file or a detector (6.1)",
        "estimate": "poses in these boxes (6.1, A.1)",
        "recover": "missed poses, correspondences and affinities between frames (5.1)",
        "track": "associate poses into tracks, from tables alone (5.2, A.3)",
        "merge": "join the tracks of one person across gaps (A.4)",
        "score": "mAP, MOTA, identity switches and HOTA against the annotations (6)",
        "ablate": "the paper's tables 2 to 7 (6.2 to 6.4)",
        "report": "one HTML page of it all",
    }
)
"""Name and meaning of each stage; the name is also its module, its params section and its DVC stage."""

REPOSITORY: Final = Path(__file__).resolve().parents[1]
_RINGS: Final = ("models", "tasks", "flows")


def stage_modules(stage: str) -> list[str]:
    """Files of all project modules that `stage` imports, itself included: sorted, relative to the repository.

    Read from the source, so nothing is imported. Imports inside functions count; those for type checking do not.
    """
    return sorted(module_files(f"tasks.{stage}"))


@cache
def module_files(module: str) -> frozenset[str]:
    """Files that importing `module` runs, as far as they are the project's, relative to the repository."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or (path := _file_of(name)) is None:
            continue
        found[name] = path
        waiting.extend(_with_parents(name))
        for imported in _imports(path, name):
            waiting.extend(_with_parents(imported))
    return frozenset(path.relative_to(REPOSITORY).as_posix() for path in found.values())


def _file_of(module: str) -> Path | None:
    if module.split(".")[0] not in _RINGS:
        return None
    base = REPOSITORY.joinpath(*module.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _imports(path: Path, module: str) -> Iterator[str]:
    """Dotted names that the file may import; a name that is no module finds no file later."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _running_nodes(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def _running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`, which never run."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _running_nodes(child)
