"""The wheel: what is in it, and that it works without a checkout, beside modules of the pipeline's names."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from corrtrack.pipeline_folder import PIPELINE_FOLDER
from flows.runtime.outcomes import ExitCode
from tests.end_to_end.test_python_interface import write_poses
from tests.end_to_end.test_reprocess import write_video

ROOT = Path(__file__).parents[2]
OTHER = "raise SystemExit(f'a module of the user was imported: {__name__}')\n"
TRACK = """
import sys
from corrtrack import InputError, track_video

frame = track_video("clips/street.mp4", poses="street.json", settings=sys.argv[1:], quiet=True).to_pandas()
print(frame["frame"].nunique(), sorted({"flows", "tasks", "models", "prefect"} & set(sys.modules)))
try:
    track_video("nowhere.mp4", quiet=True)
except InputError as error:
    print(error)
"""
SETTINGS = ("track.tau_corr=0.0", "track.min_track_frames=1")

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="session")
def tracked() -> list[str]:
    """Files of the project in git, without the tests."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if (ROOT / name).is_file() and not name.startswith("tests/")]


@pytest.fixture(scope="session")
def wheel(tracked, tmp_path_factory) -> Path:
    """The wheel of the tracked files, built in a copy."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in tracked:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", copy / "dist", copy], check=True, capture_output=True)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory) -> Path:
    """An environment with the wheel, which takes its dependencies from the one that the tests run in."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    return folder / "bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with a clip, poses of it, and modules of their own that are called like the pipeline's."""
    for name in ("flows", "tasks", "models"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(OTHER)
    (tmp_path / "clips").mkdir()
    write_video(tmp_path / "clips" / "street.mp4", 6)
    write_poses(tmp_path / "street.json", 6)
    return tmp_path


@pytest.fixture
def run(environment, folder) -> Callable[..., tuple[int, str]]:
    """Runs a program of the environment in the user's folder; gives exit code and output."""

    def run(program: str, *arguments: str) -> tuple[int, str]:
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        variables |= {"COLUMNS": "200", "XDG_CACHE_HOME": str(folder / "cache")}
        ran = subprocess.run(
            [environment / program, *arguments], cwd=folder, env=variables, capture_output=True, text=True
        )
        return ran.returncode, ran.stdout + ran.stderr

    return run


def test_the_wheel_holds_the_pipeline_in_one_folder_and_nothing_else(wheel, tracked):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    moved = ("flows/", "tasks/", "models/", "profiles/", "params.yaml")
    expected = {
        name if name.startswith("corrtrack/") else f"corrtrack/_pipeline/{name}"
        for name in tracked
        if name.startswith(("corrtrack/", *moved))
    }
    assert names == expected | {"corrtrack/_pipeline/pipeline.yaml"}
    for name in ("models/weights/pose.safetensors", "profiles/paper.yaml", "tasks/reporting/templates/report.html"):
        assert f"corrtrack/_pipeline/{name}" in names


def test_commands_that_need_no_checkout_work_in_any_folder(run, folder, environment):
    assert run("corrtrack", "--version")[0] == 0
    assert "reprocess" in run("corrtrack", "--help")[1]
    options = [part for setting in SETTINGS for part in ("--set", setting)]
    code, text = run("corrtrack", "reprocess", "clips", "--out", "runs/street", "--poses", "street.json", *options)
    assert code == 0, text
    for name in ("overlays/street.mp4", "artifacts/exports/csv/merged/street.csv", "reports/index.html"):
        assert (folder / "runs" / "street" / name).is_file(), name
    assert "1 done; nothing runs" in run("corrtrack", "status", "runs/street")[1]
    code, text = run("corrtrack", "doctor")
    assert (code, "make" in text) == (0, False), text
    assert "written by the stage report" in run("corrtrack", "explain", "runs/street/overlays/street.mp4")[1]
    code, text = run("corrtrack", "export", "runs/street", "--format", "cvat", "--out", "cvat")
    assert code == 0, text
    assert list((folder / "cvat").rglob("street*.xml"))
    assert not list(environment.parent.rglob("_pipeline/.corrtrack")), "the environment may be read-only"


def test_commands_that_need_one_end_with_a_sentence(run):
    for words in (["reproduce"], ["trend"], ["compare", "HEAD"], ["sweep", "--set", "track.tau_corr=0.1,0.2"]):
        code, text = run("corrtrack", *words)
        assert code == 2, text
        assert "expected a checkout of corrtrack" in text
        assert len(text.strip().splitlines()) == 1


def test_a_schedule_is_not_started_where_prefect_would_import_other_modules(run):
    code, text = run("corrtrack", "schedule", "clips", "--out", "runs/all", "--every", "1h", "--until", "1s")
    assert code == 2, text
    assert "flows/__init__.py: expected no module of this name" in text


def test_in_python_the_names_of_the_user_stay_what_they_are(run, folder):
    (folder / "track.py").write_text(TRACK)
    code, text = run("python", "track.py", *SETTINGS)
    assert code == 0, text
    counted, error = text.strip().splitlines()
    assert counted == "6 []"
    assert "nowhere.mp4: expected a video" in error


def test_in_a_checkout_the_pipeline_is_the_checkouts():
    assert PIPELINE_FOLDER == ROOT


def test_the_interface_knows_the_exit_codes_of_the_command():
    from corrtrack import _BAD_INPUT, _FINISHED

    assert _BAD_INPUT == ExitCode.BAD_INPUT
    assert {ExitCode.DONE, ExitCode.REJECTED} == _FINISHED
