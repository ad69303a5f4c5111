"""`make deps`: writes into dvc.yaml, for each stage, the project files it runs and the params sections it reads.

DVC cannot know these by itself, and a forgotten module means silently stale results; a test compares the lists.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from flows.runtime.repository import find_repository
from tasks.code_files import REPOSITORY, code_files, is_data_file, runs_code
from tasks.params.sections import Params
from tasks.stages import STAGES
from tasks.whole_files import write_whole

_RINGS: Final = ("models/", "tasks/")
_WEIGHTS: Final = "models/weights/"
"""Starting weights lie in a ring, but are read like data."""
_NO_RESULT: Final = "compute"
"""The section that changes no result, so no stage depends on it."""
_WIDTH: Final = 120
_INDENT: Final = " " * 6


def is_code(dependency: str) -> bool:
    """Whether an entry of dvc.yaml is code of this project, not an input."""
    return dependency.startswith(_RINGS) and not dependency.startswith(_WEIGHTS)


def code_paths(stage: str) -> list[str]:
    """`code_files` of the stage, a folder standing for its files where the stage runs all of them."""
    files = set(code_files(f"tasks.{stage}"))
    folders = {folder for file in files for folder in Path(file).parents if len(folder.parts) > 1}
    whole = {folder for folder in folders if files_of(folder.as_posix()) <= files}
    return sorted({_outermost(Path(file), whole).as_posix() for file in files})


def files_of(path: str) -> set[str]:
    """The files that an entry of dvc.yaml covers: itself, or all of the folder that decide what its modules do."""
    target = REPOSITORY / path
    if target.is_file():
        return {path}
    files = (file for file in target.rglob("*") if is_data_file(file) or (file.suffix == ".py" and runs_code(file)))
    return {file.relative_to(REPOSITORY).as_posix() for file in files}


def params_sections(stage: str) -> list[str]:
    """Sections of params.yaml that `stage` depends on: run, its own, and others that its modules read."""
    known = set(Params.model_fields) - {_NO_RESULT}
    modules = [file for file in code_files(f"tasks.{stage}") if file.endswith(".py") and "/params/" not in file]
    read = {name for module in modules for name in _sections_read(REPOSITORY / module)}
    return [name for name in Params.model_fields if name in {"run", stage} | (read & known)]


def with_code_deps(text: str) -> str:
    """The dvc.yaml `text` with the lists of every known stage made true; comments and other entries stay."""
    tree: Any = YAML(typ="safe").load(text)
    for stage, entry in tree["stages"].items():
        if stage in STAGES and (REPOSITORY / "tasks" / f"{stage}.py").is_file():
            inputs = [dep for dep in entry["deps"] if not is_code(dep)]
            text = _replaced(text, stage, "deps", _list_by_folder([*inputs, *code_paths(stage)]))
            text = _replaced(text, stage, "params", f"[{', '.join(params_sections(stage))}]")
    return text


def _outermost(file: Path, whole: set[Path]) -> Path:
    return next((folder for folder in reversed(file.parents) if folder in whole), file)


def _list_by_folder(paths: Iterable[str]) -> str:
    """A YAML list in brackets: inputs first, then what lies in each ring itself, then parts of its folders."""
    ordered = sorted(paths, key=lambda path: (is_code(path), path.partition("/")[0], len(Path(path).parts) > 2))
    lines = [line for _, group in groupby(ordered, key=_group) for line in _wrapped(group)]
    return "\n".join(["[", *(f"{_INDENT}{line}" for line in lines), "    ]"])


def _group(path: str) -> str:
    """What shares lines: all inputs; the folders and modules of a ring."""
    return path.partition("/")[0] if is_code(path) else ""


def _wrapped(paths: Iterable[str]) -> Iterator[str]:
    line = ""
    for path in paths:
        if line and len(_INDENT) + len(line) + len(path) + 2 > _WIDTH:
            yield line
            line = ""
        line = f"{line} {path},".strip()
    yield line


def _replaced(text: str, stage: str, key: str, value: str) -> str:
    """`text` with the list `key` of the stage, in brackets or with dashes, replaced by `value`."""
    written = r"(?:\[[^\]]*\]|(?:\n      ?(?:  )?- [^\n]*)+)"
    pattern = rf"(\n  {stage}:\n(?:    [^\n]*\n)*?    {key}:) ?{written}"
    replaced, count = re.subn(pattern, lambda match: f"{match[1]} {value}", text, count=1)
    if count != 1:
        raise ValueError(f"dvc.yaml: expected one list {key} of the stage {stage}, found none")
    return replaced


def _sections_read(module: Path) -> set[str]:
    """Names that follow `params.` in the module, such as "track" in `params.track.tau_corr`."""
    tree = ast.parse(module.read_bytes())
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_params(node.value)}


def _is_params(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lstrip("_") == "params"


def main() -> None:
    """Rewrite dvc.yaml of the repository in the working folder."""
    path = find_repository().root / "dvc.yaml"
    text = with_code_deps(path.read_text(encoding="utf-8"))
    write_whole(path, text)


if __name__ == "__main__":
    main()
