import zipfile
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
from tasks.released_zip import CHECKPOINTS, unpacked


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


def test_other_weights_of_that_name_stay_and_the_same_may_be_written_again(
    runner: CliRunner, app: typer.Typer, tmp_path: Path
) -> None:
    file = released_file(tmp_path / "pose.pth", PoseNetwork(stages=3))
    arguments = [str(file), "--kind", "pose", "--out", str(tmp_path)]
    trained = tmp_path / "pose.safetensors"
    trained.write_bytes(b"of hours")
    result = runner.invoke(app, arguments)
    assert isinstance(result.exception, InputError)
    assert "expected no file, found other weights" in str(result.exception)
    assert trained.read_bytes() == b"of hours"
    trained.unlink()
    assert [runner.invoke(app, arguments).exit_code for _ in range(2)] == [0, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pose.pth", "pose.safetensors"]


def test_outside_a_checkout_a_folder_must_be_named(
    runner: CliRunner, app: typer.Typer, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, ["pose.pth", "--kind", "pose"])
    assert isinstance(result.exception, InputError)
    assert "--out: expected a folder" in str(result.exception)
    assert not list(tmp_path.iterdir())


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


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The released zip: both checkpoints in folders of it, beside a file whose name climbs out."""
    path = tmp_path / "PoseTrack21Release.zip"
    networks = {
        "pose": PoseNetwork(stages=3),
        "correspondence": CorrespondenceNetwork(SiameseNetwork(), RefinementNetwork()),
    }
    with zipfile.ZipFile(path, "w") as release:
        release.writestr("../../outside.txt", "never unpacked")
        for kind, network in networks.items():
            file = released_file(tmp_path / f"{kind}.pth", network)
            release.write(file, f"outputs/models/{CHECKPOINTS[kind]}")
            file.unlink()
    return path


def test_the_released_zip_becomes_both_weight_files(
    runner: CliRunner, app: typer.Typer, tmp_path: Path, release: Path
) -> None:
    result = runner.invoke(app, [str(release), "--out", str(tmp_path / "weights")])
    assert result.exit_code == 0, result.exception
    assert len(load_pose(tmp_path / "weights" / "pose.safetensors").stages) == 3
    assert load_correspondence(tmp_path / "weights" / "correspondence.safetensors").norm == "squared"
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "PoseTrack21Release.zip",
        "correspondence.safetensors",
        "pose.safetensors",
    ]


def zip_of(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as written:
        for name in names:
            written.writestr(name, "some text")
    return path


@pytest.mark.parametrize(
    ("name", "content", "options", "expected"),
    [
        ("notes.pth", "just a text\n", ("--kind", "pose"), "expected a checkpoint of tensors alone"),
        ("notes.pth", "", ("--kind", "pose"), "expected a checkpoint of tensors alone"),
        ("notes.txt", "just a text\n", (), "expected the released zip, or --kind pose"),
        ("notes.zip", "just a text\n", (), "expected the released zip, got one that cannot be unpacked"),
        ("other.zip", [f"{number}.txt" for number in range(99)], (), "got 99 other files, such as '0.txt', '1.txt'"),
        ("text.zip", list(CHECKPOINTS.values()), (), "text.zip, pose: expected a checkpoint of tensors alone"),
    ],
)
def test_a_file_that_is_no_release_is_one_sentence(runner, app, tmp_path, name, content, options, expected):
    path = tmp_path / name
    if isinstance(content, list):
        zip_of(path, content)
    else:
        path.write_text(content)
    result = runner.invoke(app, [str(path), *options, "--out", str(tmp_path / "weights")])
    assert isinstance(result.exception, InputError)
    assert expected in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "weights").exists()


def test_no_more_is_unpacked_than_is_allowed(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bomb.zip", list(CHECKPOINTS.values()))
    with pytest.raises(InputError, match=r"at most 4 bytes in pose\.pth"), unpacked(path, largest_bytes=4):
        pass


def test_another_networks_file_gives_five_examples(runner: CliRunner, app: typer.Typer, tmp_path: Path) -> None:
    torch.save({f"layer.{number}": torch.zeros(2) for number in range(500)}, tmp_path / "other.pth")
    result = runner.invoke(app, [str(tmp_path / "other.pth"), "--kind", "pose"])
    message = str(result.exception)
    assert "missing, 500 extra, 0 misshapen): such as missing: " in message
    assert message.count("extra: ") + message.count("missing: ") == 5
    assert "\n" not in message


def test_help_teaches_by_examples(runner: CliRunner, app: typer.Typer) -> None:
    result = runner.invoke(app, ["--help"])
    assert "corrtrack_model.pth --kind correspondence" in " ".join(result.output.split())


def test_a_release_that_is_absent_is_one_sentence(runner, app, tmp_path):
    result = runner.invoke(app, [str(tmp_path / "release.zip"), "--out", str(tmp_path / "weights")])
    assert str(result.exception) == f"{tmp_path}/release.zip: expected the released zip, found no such file"
