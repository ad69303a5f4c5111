import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.pose import PoseNetwork
from models.weight_files import save_weights
from tasks.determinism import make_deterministic
from tasks.params.edit import set_value
from tasks.params.loading import parse_params
from tasks.params.sections import Params
from tasks.provenance import recorded
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[2]
_TRAININGS = ("pretrain", "finetune", "train_siamese", "train_refinement", "train_reid")

SMALL = {
    "compute.executor": "local",
    **{f"index.demo_corpus.{part}_videos": 2 for part in ("train", "val")},
    **{f"index.demo_corpus.coco_{part}_images": 12 for part in ("train", "val")},
    "index.demo_corpus.frames_per_video": 10,
    **{f"{stage}.epochs": 1 for stage in _TRAININGS},
    **{f"{stage}.start_weights": "null" for stage in _TRAININGS},
    **{f"{stage}.passes_per_epoch": 1 for stage in _TRAININGS},
    "track.min_track_frames": 1,
    "track.query_keypoint_threshold": 0.0,
    "report.clip_count": 1,
}
"""Enough to run through everything; nothing is learned by it, and poses of random networks are tracked all the same."""


def small_params(**changes: object) -> str:
    """The text of params.yaml with few and short trainings."""
    text = (ROOT / "params.yaml").read_text()
    for key, value in (SMALL | changes).items():
        text = set_value(text, key, str(value).lower() if isinstance(value, bool) else str(value))
    return text


@pytest.fixture(scope="session")
def small() -> Params:
    return parse_params(small_params(), name="params.yaml")


@pytest.fixture(scope="session")
def run_stages() -> Callable[[Workspace, Params, Iterable[str]], None]:
    """Runs stages one after the other in this process, as `python -m tasks` does in one each."""

    def run(workspace: Workspace, params: Params, stages: Iterable[str]) -> None:
        for stage in stages:
            module = importlib.import_module(f"tasks.{stage}")
            make_deterministic(params.run.seed, params.run.threads_per_worker)
            with recorded(stage, workspace):
                module.run(workspace, params)

    return run


@pytest.fixture(scope="session")
def untrained_weights(tmp_path_factory) -> Path:
    """A folder of weight files that nobody has trained."""
    folder = tmp_path_factory.mktemp("weights")
    make_deterministic(1, 1)
    pose = PoseNetwork(width=0.25, stages=2)
    pair = CorrespondenceNetwork(SiameseNetwork(width=0.25), RefinementNetwork(width=0.25))
    for kind, network in (("pose", pose), ("correspondence", pair)):
        path = folder / f"{kind}.safetensors"
        save_weights(path, network, kind=kind, architecture=network.architecture, params={})
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that `corrtrack` takes for a checkout, with small params."""
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    (root / "params.yaml").write_text(small_params())
    (root / "profiles").mkdir()
    (root / "profiles" / "demo.yaml").write_text((ROOT / "profiles" / "demo.yaml").read_text())
    return root


@pytest.fixture
def corrtrack(checkout: Path) -> Callable[..., tuple[int, str]]:
    """Runs `corrtrack ARGUMENTS` in the checkout; gives exit code and output."""

    def run(*arguments: str | Path) -> tuple[int, str]:
        ran = subprocess.run(
            [sys.executable, "-m", "flows", *map(str, arguments)],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return ran.returncode, ran.stdout

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real samples that CORRTRACK_REAL_DATA names."""
    folder = os.environ.get("CORRTRACK_REAL_DATA")
    if not folder:
        pytest.skip("CORRTRACK_REAL_DATA names no folder of real samples")
    return Path(folder)
