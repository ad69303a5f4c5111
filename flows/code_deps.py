"""`make deps`: lists in dvc.yaml, for each stage, the project files it runs and the params sections it reads.

DVC cannot know these by itself, and a forgotten module means silently stale results; a test compares the lists.
"""

import ast
import io
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from flows.runtime.repository import find_repository
from tasks.params.sections import Params
from tasks.stages import REPOSITORY, STAGES, stage_modules
from tasks.whole_files import write_whole

_RUNNER: Final = "tasks/determinism.py"
"""What the runner of every stage sets up: seeds, threads, deterministic kernels."""
_RINGS: Final = ("models/", "tasks/")
_NO_RESULT: Final = "compute"
"""The section that changes no result, so no stage depends on it."""


def code_files(stage: str) -> list[str]:
    """Project files that decide what `stage` does: its modules and the templates and data files beside them."""
    modules = {*stage_modules(stage), _RUNNER}
    folders = {Path(module).parent for module in modules if Path(module).name == "__init__.py"}
    return sorted(modules | {asset for folder in folders for asset in _assets(folder)})


def params_sections(stage: str) -> list[str]:
    """Sections of params.yaml that `stage` depends on: run, its own, and others that its modules read."""
    known = set(Params.model_fields) - {_NO_RESULT}
    modules = [module for module in stage_modules(stage) if not module.startswith("tasks/params/")]
    read = {name for module in modules for name in _sections_read(REPOSITORY / module)}
    return [name for name in Params.model_fields if name in {"run", stage} | (read & known)]


def with_code_deps(text: str) -> str:
    """The dvc.yaml `text` with the lists of every known stage made true; comments and other entries stay."""
    writer = YAML(typ="rt")
    writer.width = 4096
    writer.indent(mapping=2, sequence=4, offset=2)
    tree: Any = writer.load(text)
    for stage, entry in tree["stages"].items():
        if stage in STAGES and (REPOSITORY / "tasks" / f"{stage}.py").is_file():
            inputs = [dep for dep in entry["deps"] if not str(dep).startswith(_RINGS)]
            entry["deps"] = [*inputs, *code_files(stage)]
            entry["params"] = params_sections(stage)
    written = io.StringIO()
    writer.dump(tree, written)
    return written.getvalue()


def _assets(folder: Path) -> list[str]:
    beside = (path for path in (REPOSITORY / folder).iterdir() if path.is_file() and path.suffix not in {".py", ".pyc"})
    below = (REPOSITORY / folder).glob("templates/**/*")
    return [path.relative_to(REPOSITORY).as_posix() for path in (*beside, *(path for path in below if path.is_file()))]


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
