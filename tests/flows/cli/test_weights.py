from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from flows.cli.weights import import_weights
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork, load_correspondence
from models.networks.pose import PoseNetwork, load_pose
from models.networks.released import released_name
from tasks.errors import InputError


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(import_weights)
    return app


def released_file(path: Path, network: torch.nn.Module) -> Path:
    torch.save({"state_dict": {f"module.{released_name(k)}": t for k, t in network.state_dict().items()}}, path)
    return path


def test_a_released_pose_file_becomes_ours(runner: CliRunner, app: typer.Typer, tmp_path: Path) -> None:
    network = PoseNetwork(stages=3)
    file = released_file(tmp_path / "pose.pth", network)
    result = runner.invoke(app, [str(file), "--kind", "pose", "--out", str(tmp_path / "weights")])
    assert result.exit_code == 0
    assert "59,156,281 parameters" in result.output
    loaded = load_pose(tmp_path / "weights" / "pose.safetensors").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in network.state_dict().items())


def test_a_released_correspondence_file_keeps_its_norm_and_cells(
    runner: CliRunner, app: typer.Typer, tmp_path: Path
) -> None:
    network = CorrespondenceNetwork(SiameseNetwork(), RefinementNetwork())
    file = released_file(tmp_path / "corrtrack.pth", network)
    result = runner.invoke(app, [str(file), "--kind", "correspondence", "--out", str(tmp_path)])
    assert result.exit_code == 0
    loaded = load_correspondence(tmp_path / "correspondence.safetensors")
    assert (loaded.norm, loaded.cells) == ("squared", "released")


def test_a_file_of_the_other_kind_names_what_is_wrong_and_writes_nothing(
    runner: CliRunner, app: typer.Typer, tmp_path: Path
) -> None:
    file = tmp_path / "corrtrack.pth"
    torch.save({"state_dict": {"module.pd.Conv2dT_2.conv.bias": torch.zeros(17)}}, file)
    result = runner.invoke(app, [str(file), "--kind", "pose", "--out", str(tmp_path / "weights")])
    assert isinstance(result.exception, InputError)
    assert "missing: conv1_7x7_s2.weight" in str(result.exception)
    assert "extra: pd.Conv2dT_2.conv.bias" in str(result.exception)
    assert not (tmp_path / "weights").exists()


def test_help_teaches_by_examples(runner: CliRunner, app: typer.Typer) -> None:
    result = runner.invoke(app, ["--help"])
    assert "corrtrack_model.pth --kind correspondence" in " ".join(result.output.split())
