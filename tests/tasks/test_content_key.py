"""What a stage's results depend on: its own code and no other's."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.code_deps import files_of, is_code
from flows.runtime.pipeline import read_pipeline
from tasks import content_key as module
from tasks.code_files import REPOSITORY, code_files, module_files
from tasks.content_key import code_key, content_key, file_digest
from tasks.stages import STAGES

IMPORTED = """
import importlib, json, os, sys
import cv2, pyarrow.parquet, scipy.optimize, torch, torchvision  # what takes long is loaded once, before the forks
stages, imported = sys.argv[1:], {}
for stage in stages:
    read, write = os.pipe()
    if os.fork() == 0:
        importlib.import_module(f"tasks.{stage}")
        files = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0] in ("tasks", "models", "flows")]
        with os.fdopen(write, "w") as out:
            json.dump(files, out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        imported[stage] = json.load(answer)
    os.wait()
print(json.dumps(imported))
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the code that keys are made of, free to be edited."""
    for ring in ("models", "tasks"):
        shutil.copytree(REPOSITORY / ring, tmp_path / ring, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "REPOSITORY", tmp_path)
    return tmp_path


def add_comment(path: Path) -> None:
    path.write_text(path.read_text() + "# A comment.\n")


@pytest.mark.parametrize("stage", ["estimate", "recover"])
def test_code_that_a_stage_does_not_run_leaves_its_key(checkout, stage):
    before = code_key(f"tasks.{stage}")
    foreign = {"tasks/params/report.py", "tasks/params/ablate.py", "models/networks/reid.py", "tasks/stages.py"}
    for name in foreign:
        add_comment(checkout / name)
    assert code_key(f"tasks.{stage}") == before, "shard keys hold this key"
    listed = read_pipeline(REPOSITORY / "dvc.yaml").deps[stage]
    compared_by_dvc = {file for dep in listed if is_code(dep) for file in files_of(dep)}
    assert not foreign & compared_by_dvc
    add_comment(checkout / "models/poses/nms.py")
    assert code_key(f"tasks.{stage}") != before
    assert "models/poses/nms.py" in compared_by_dvc


def test_a_template_of_the_report_is_part_of_its_key(checkout):
    before = code_key("tasks.report")
    (template,) = (checkout / "tasks/reporting/templates").glob("*.css")
    template.write_text(template.read_text() + "\n")
    assert code_key("tasks.report") != before


def test_a_stages_code_files_are_what_it_really_imports():
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED, *STAGES], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for stage, imported in json.loads(ran.stdout).items():
        files = {Path(file).relative_to(REPOSITORY).as_posix() for file in imported if file}
        missing = files - set(code_files(f"tasks.{stage}"))
        assert not [file for file in missing if Path(file).name != "__init__.py"], stage


def test_the_modules_of_a_module_are_found_through_packages_and_functions():
    assert {"tasks/progress/events.py", "tasks/params/section.py", "tasks/params/sections.py"} < module_files(
        "tasks.__main__"
    )
    assert {"tasks/tables/__init__.py", "tasks/tables/files.py", "models/keypoints.py"} < module_files("tasks.tables")
    assert "models/__init__.py" not in module_files("tasks.tables"), "it holds a docstring only"
    assert module_files("tasks.no_such_stage") == frozenset()


def test_no_stage_names_the_section_of_a_stage_it_does_not_read():
    sections = {f"tasks/params/{name}.py" for name in STAGES}
    assert {name for name in code_files("tasks.estimate") if name in sections} == {"tasks/params/estimate.py"}
    assert not sections & set(code_files("tasks.index"))


def test_the_content_of_a_path_counts_and_not_its_name(tmp_path):
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    assert content_key({"file": tmp_path / "a"}) == content_key({"file": tmp_path / "b"})
    (tmp_path / "b").write_text("other")
    assert content_key({"file": tmp_path / "a"}) != content_key({"file": tmp_path / "b"})


def test_every_part_counts_and_their_order_does_not():
    parts = {"params": {"epochs": 3, "rates": (1, 2)}, "data": b"abc"}
    assert content_key(parts) == content_key(dict(reversed(parts.items())))
    assert content_key(parts) != content_key(parts | {"data": b"abd"})
    assert content_key(parts) != content_key(parts | {"params": {"epochs": 3, "rates": (2, 1)}})


def test_a_file_digest_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
