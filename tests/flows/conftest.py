import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from flows.runtime.repository import Repository
from tests.started_commands import started_commands

ROOT = Path(__file__).parents[2]

_STAGE = """
import os, sys, time
from pathlib import Path
from tasks.provenance import recorded
from tasks.workspace import Workspace

name, source, target = sys.argv[1:]
with recorded(name, Workspace.of_repository(Path.cwd())) as progress:
    progress.start("frames", 2)
    text = Path(source).read_text()
    Path("at_" + name).touch()
    while Path("hold_" + name).exists():
        time.sleep(0.05)
    if Path("fail_" + name).exists():
        sys.exit(print(f"{name}: expected to go on, got an order to fail", file=sys.stderr) or 1)
    if text.startswith("broken"):
        sys.exit(print(f"{name}: {source} line 1: expected text, got broken", file=sys.stderr) or 2)
    progress.advance(2, length=len(text))
    if name == "recover":
        progress.notice("ray at " + os.environ.get("CORRTRACK_RAY_ADDRESS", "nowhere"))
    Path(target).parent.mkdir(exist_ok=True)
    Path(target).write_text(text.strip().lower() + "\\n")
"""

_PIPELINE = """
stages:
  index:
    cmd: python stage.py index data/text artifacts/index
    deps: [data, stage.py]
    outs: [artifacts/index]
  pretrain:
    cmd: python stage.py pretrain artifacts/index artifacts/pretrain
    deps: [artifacts/index, stage.py]
    outs: [artifacts/pretrain]
  recover:
    cmd: python stage.py recover artifacts/index artifacts/recover
    deps: [artifacts/index, stage.py]
    params: [recover]
    outs: [artifacts/recover]
  track:
    cmd: python stage.py track artifacts/recover artifacts/track
    deps: [artifacts/recover, stage.py]
    params: [track]
    outs: [artifacts/track]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    """A checkout of four small stages, two of which are independent.

    They copy a text on, wait while hold_NAME exists, fail where fail_NAME exists, and refuse "broken".
    """
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache"))
    shutil.copy(ROOT / "params.yaml", root)
    (root / "profiles").mkdir()
    (root / "profiles" / "demo.yaml").write_text((ROOT / "params.yaml").read_text())
    (root / ".gitignore").write_text("/data/\n/artifacts/\n/.corrtrack/\n")
    (root / "stage.py").write_text(textwrap.dedent(_STAGE))
    (root / "dvc.yaml").write_text(_PIPELINE)
    (root / "data").mkdir()
    (root / "data" / "text").write_text("Hello\n")
    _git(root, "init", "--quiet")
    _git(root, "add", "--all")
    _git(root, "-c", "user.name=tests", "-c", "user.email=tests@localhost", "commit", "--quiet", "-m", "Start")
    return Repository(root)


@pytest.fixture
def corrtrack(checkout: Repository):
    """Starts `corrtrack ARGUMENTS` in the checkout; what still runs at the end of the test is ended."""
    with started_commands(checkout.root) as start:
        yield start


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
