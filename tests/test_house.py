"""The house keeps its own rules: one name in four lists, true dependencies, one word per thing, true documents."""

import ast
import importlib
import inspect
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import typer.main
from ruamel.yaml import YAML

from flows.cli import app
from flows.code_deps import code_paths, files_of, is_code, params_sections
from flows.runtime.pipeline import read_pipeline
from tasks.code_files import code_files
from tasks.params.sections import Params
from tasks.stages import STAGES
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[1]
SMALL_FILES = {
    "flows/cli/json_option.py": "an option that commands of every group share",
    "models/arrays.py": "types that all packages share, and no code",
    "models/gpu_use.py": "loads no torch, so that drivers of workers may import it",
    "tasks/formats/pose_files/openpose.py": "one format",
    "tasks/formats/track_files/mot_boxes.py": "one format",
    "tasks/given_poses/noise_corpus.py": "loads the renderer, which the measurement does without",
    "tasks/lasting_imports.py": "drivers and stages share it, and it loads nothing",
    "tasks/reporting/sections/figures.py": "one section of the page",
    "tasks/stage_run.py": "how every stage is run, whoever asks for it",
    "tasks/training/prefetch.py": "knows no training; the loop and the bench share it",
}
"""Files below 30 lines with the reason why they stand alone; each section of the params has a file in any case."""
PIPELINE = read_pipeline(ROOT / "dvc.yaml")
ENTRIES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_a_stage_has_one_name_in_four_lists():
    assert list(STAGES) == PIPELINE.stages == [name for name in Params.model_fields if name not in ("run", "compute")]
    sections = list(YAML(typ="safe").load((ROOT / "params.yaml").read_text()))
    assert sections == ["run", "compute", *STAGES]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_one_module_with_one_public_function(stage):
    module = importlib.import_module(f"tasks.{stage}")
    public = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    assert public == ["run"]
    assert list(inspect.signature(module.run).parameters) == ["workspace", "params"]
    assert inspect.signature(module.run).parameters["workspace"].annotation is Workspace
    assert ENTRIES[stage]["cmd"] == f"python -m tasks {stage}"


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_knows_every_project_file_and_section_that_a_stage_uses(stage):
    listed = [dep for dep in ENTRIES[stage]["deps"] if is_code(dep)]
    assert sorted(listed) == code_paths(stage), "run `make deps`"
    assert {file for dep in listed for file in files_of(dep)} == set(code_files(f"tasks.{stage}"))
    assert ENTRIES[stage]["params"] == params_sections(stage), "run `make deps`"
    assert "compute" not in ENTRIES[stage]["params"]


def test_a_person_can_read_dvc_yaml():
    lines = (ROOT / "dvc.yaml").read_text().splitlines()
    assert len(lines) <= 360
    assert max(map(len, lines)) <= 120


def test_stages_read_only_what_earlier_stages_write():
    written = {"data", "models/weights/pose.safetensors"}
    for stage in PIPELINE.stages:
        inputs = {dep for dep in PIPELINE.deps[stage] if not is_code(dep)}
        assert inputs <= written, stage
        assert not PIPELINE.outs[stage] & written, f"{stage} writes what another stage writes"
        written |= PIPELINE.outs[stage]
    assert not [path for path in written - {"data"} if path.startswith("data")]


def test_params_are_the_demos():
    assert (ROOT / "profiles" / "demo.yaml").read_text() == (ROOT / "params.yaml").read_text()


def test_one_word_per_thing():
    catch_all = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in tracked() if catch_all & {part.removesuffix(".py") for part in path.parts}]


def test_a_file_has_30_to_300_lines_or_a_reason():
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for ring in ("flows", "models", "tasks")
        for path in (ROOT / ring).rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"} and path.parent != ROOT / "tasks/params"
    }
    assert {name for name, lines in sizes.items() if lines < 30} == set(SMALL_FILES)
    assert [name for name, lines in sizes.items() if lines > 300] == []


def test_no_two_classes_have_the_same_name():
    sources = [path for path in tracked() if path.relative_to(ROOT).parts[0] in {"bench", "flows", "models", "tasks"}]
    trees = [ast.parse(path.read_text()) for path in sources if path.suffix == ".py"]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_variables_are_called_by_what_they_hold():
    """A pronoun or a participle says nothing about a value, and these words have plainer ones in the glossary."""
    vague = {"one", "own", "found", "given", "told", "place", "spot", "slot", "slots", "footage", "surroundings"}
    sources = [path for path in tracked() if path.relative_to(ROOT).parts[0] in {"bench", "flows", "models", "tasks"}]
    offenders = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text()))
        if (name := getattr(node, "arg", getattr(node, "id", None))) in vague
    }
    assert offenders == set()


def test_no_file_names_a_path_of_one_machine():
    patterns = re.compile("|".join(f"(?<![\\w.])/{name}/" for name in ("work", "root", "home")))
    texts = [path for path in tracked() if path.suffix in {".py", ".md", ".yaml", ".toml", ".html", ""}]
    offenders = [path for path in texts if patterns.search(path.read_text(encoding="utf-8", errors="ignore"))]
    assert [path.relative_to(ROOT).as_posix() for path in offenders] == []


def test_the_readme_names_every_stage_command_and_target():
    commands = {command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands}
    for name in [*(f"`{stage}`" for stage in STAGES), *(f"corrtrack {name}" for name in commands)]:
        assert name in README, name
    assert all(f"make {target}" in README for target in TARGETS)
    assert README.index("make demo") < README.index("make test") < 1500, "both commands stand on the first screen"


def test_documents_name_files_that_exist():
    documents = [path for path in tracked() if path.suffix == ".md" and path.name != "CHANGELOG.md"]
    paths = {
        (document.relative_to(ROOT).as_posix(), path)
        for document in documents
        for path in re.findall(r"`((?:bench|docs|flows|models|profiles|tasks|tests)/[\w/.]+)`", document.read_text())
    }
    assert len(paths) > 20
    absent = {(document, path) for document, path in paths if not (ROOT / path).exists()}
    assert {(document, path) for document, path in absent if "NAME" not in path} == set()


def test_make_help_has_a_line_for_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()
    assert set(TARGETS) == set(phony) - {"environment"}


def test_every_command_teaches_by_an_example():
    group = typer.main.get_command(app)
    untaught = {
        name
        for name, command in group.commands.items()
        if not re.search(r"[Ee]xample", command.help or "") and command.params
    }
    assert untaught == set()
