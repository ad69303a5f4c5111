"""The project's own files that decide what a module, or a stage, does: what DVC and the shard keys compare."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[1]
"""The checkout, or the folder in an installed package that holds the same packages, profiles and params.yaml."""
_RINGS: Final = ("models", "tasks", "flows")
_SET_UP: Final = "tasks.determinism"


def code_files(*names: str) -> list[str]:
    """Files that decide what the modules `names` do: all that they import, and the data files beside it.

    Sorted, relative to the repository. What sets up every stage (seeds, threads, deterministic kernels) is among them.
    """
    modules = frozenset[str]().union(*(module_files(name) for name in (*names, _SET_UP)))
    return sorted(modules | {path for package in _packages(modules) for path in _data_files(package)})


@cache
def module_files(module: str) -> frozenset[str]:
    """Files that importing `module` runs, as far as they are the project's, relative to the repository.

    Read from the source, so nothing is imported. Imports inside functions count; those for type checking do not, nor
    do modules that hold a docstring only.
    """
    files: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in files or (path := _file_of(name)) is None:
            continue
        files[name] = path
        waiting.extend(_with_parents(name))
        for imported in _imports(path, name):
            waiting.extend(_with_parents(imported))
    return frozenset(path.relative_to(REPOSITORY).as_posix() for path in files.values() if runs_code(path))


def runs_code(path: Path) -> bool:
    """Whether the module does anything: whether it holds more than a docstring."""
    body = _parsed(path).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def _packages(modules: frozenset[str]) -> set[Path]:
    """Folders of `modules` that are packages of a ring, not the ring itself."""
    return {folder for module in modules if len((folder := Path(module).parent).parts) > 1}


def _data_files(package: Path) -> Iterator[str]:
    for path in sorted((REPOSITORY / package).rglob("*")):
        if is_data_file(path):
            yield path.relative_to(REPOSITORY).as_posix()


def is_data_file(path: Path) -> bool:
    """Whether the path in a package is a template or data, not Python."""
    return path.is_file() and path.suffix not in {".py", ".pyc"}


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _file_of(module: str) -> Path | None:
    if module.split(".")[0] not in _RINGS:
        return None
    base = REPOSITORY.joinpath(*module.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


@cache
def _imports(path: Path, module: str) -> tuple[str, ...]:
    """Dotted names that the file may import; a name that is no module finds no file later."""
    return tuple(_imported(path, module))


def _imported(path: Path, module: str) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _running_nodes(_parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def _running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements but those under `if TYPE_CHECKING:`, which never run."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr) or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            continue
        yield child
        yield from _running_nodes(child)
