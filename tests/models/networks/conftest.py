"""The founders' golden numbers (tests/golden), and our networks with the released tensors that gave them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.networks.correspondence import CorrespondenceNetwork, load_released_correspondence
from models.networks.pose import PoseNetwork, load_released_pose

GOLDEN = Path(__file__).parents[2] / "golden"

ReleasedState = Callable[[str], dict[str, Tensor]]


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
