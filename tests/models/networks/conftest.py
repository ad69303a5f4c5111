"""The founders' golden recipe: every released tensor filled from its own name (tests/golden)."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.checkpoints import load_released_correspondence, load_released_pose
from models.networks.correspondence import CorrespondenceNetwork
from models.networks.pose import PoseNetwork

GOLDEN = Path(__file__).parents[2] / "golden"

ReleasedState = Callable[[str], dict[str, Tensor]]


def filled(key: str, shape: list[int]) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode())))
    if len(shape) == 4:
        return drawn * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
    if key.endswith("running_var"):
        return 1 + (0.1 * drawn).abs()
    if key.endswith(".weight"):
        return 1 + 0.05 * drawn
    return 0.05 * drawn


@pytest.fixture(scope="session")
def released_state() -> ReleasedState:
    shapes = json.loads((GOLDEN / "checkpoint_keys.json").read_text())
    return lambda kind: {key: filled(key, shape) for key, shape in shapes[kind].items()}


@pytest.fixture(scope="session")
def golden_checksums() -> dict[str, list[float]]:
    return json.loads((GOLDEN / "golden_param_checksums.json").read_text())


@pytest.fixture(scope="session")
def golden_pose() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "golden_pose.npz"))


@pytest.fixture(scope="session")
def golden_corr() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "golden_corr.npz"))


@pytest.fixture(scope="session")
def released_pose(tmp_path_factory: pytest.TempPathFactory, released_state: ReleasedState) -> PoseNetwork:
    path = tmp_path_factory.mktemp("released") / "pose.pth"
    torch.save({"epoch": 5, "state_dict": {f"module.{key}": t for key, t in released_state("pose").items()}}, path)
    network = load_released_pose(path)
    path.unlink()
    return network


@pytest.fixture(scope="session")
def released_correspondence(
    tmp_path_factory: pytest.TempPathFactory, released_state: ReleasedState
) -> CorrespondenceNetwork:
    state = {
        "module." + key.replace("model.model.", "model.module.model."): tensor
        for key, tensor in released_state("correspondence").items()
    }
    path = tmp_path_factory.mktemp("released") / "correspondence.pth"
    torch.save({"state_dict": state}, path)
    network = load_released_correspondence(path)
    path.unlink()
    return network
