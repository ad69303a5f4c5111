"""`corrtrack evaluate-warps` from the command line: table, JSON, exit codes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from flows.cli.warps import evaluate_warps
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.weight_files import save_weights
from tasks.errors import InputError
from tasks.formats.posetrack_conversion import CATEGORY

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(evaluate_warps)
    return app


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """A person before noise that stands in two frames and is 8 px further right in the third; a small network."""
    picture = cv2.resize(np.random.default_rng(1).integers(0, 255, (8, 8, 3)).astype(np.uint8), (96, 96))
    keypoints = np.column_stack([np.random.default_rng(2).uniform(20, 76, (17, 2)), np.ones(17)])
    images, persons = [], []
    for index in range(3):
        name = f"clip/000001_mpii_still/{index:06d}.png"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        moved = 8 if index == 2 else 0
        cv2.imwrite(str(tmp_path / name), np.roll(picture, moved, axis=1))
        images.append({"id": index, "file_name": name})
        person = {"id": index, "image_id": index, "track_id": 4, "bbox_head": [10, 10, 15, 20]}
        persons.append(person | {"keypoints": (keypoints + np.array([moved, 0, 0])).ravel().tolist()})
    document = {"images": images, "annotations": persons, "categories": [CATEGORY]}
    (tmp_path / "still.json").write_text(json.dumps(document))
    network = CorrespondenceNetwork(SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625))
    path = tmp_path / "weights" / "correspondence.safetensors"
    save_weights(path, network, kind="correspondence", architecture=network.architecture, params={})
    paths = {"--frames": tmp_path, "--annotations": tmp_path / "still.json", "--weights": path.parent}
    return [word for option, value in paths.items() for word in (option, str(value))] + ["--frame-size", "96"]


def test_a_table_and_a_file_of_metrics(app: typer.Typer, arguments: list[str], tmp_path_factory) -> None:
    out = tmp_path_factory.mktemp("out")
    result = CliRunner().invoke(app, [*arguments, "--gaps", "2,1", "--out", str(out)])
    assert result.exit_code == 0, result.output
    metrics = json.loads((out / "warps.json").read_text())
    assert json.loads(CliRunner().invoke(app, [*arguments, "--gaps", "2,1", "--json"]).stdout) == metrics
    assert [(gap["gap"], gap["frame_pairs"], gap["keypoints"]) for gap in metrics["gaps"]] == [(1, 2, 30), (2, 1, 15)]
    still_and_moved, moved = (gap["share"] for gap in metrics["gaps"])
    assert (still_and_moved["unmoved"], moved["unmoved"]) == (0.5, 0.0)
    assert (still_and_moved["optical_flow"], moved["optical_flow"]) == (1.0, 1.0)
    assert still_and_moved["siamese"] >= 0.5, "equal pictures have equal features, whatever the weights"
    for gap in metrics["gaps"]:
        [line] = [line for line in result.output.splitlines() if line.startswith(f"\u2502 {gap['gap']} ")]
        shown = [cell.strip() for cell in line.split("\u2502")[2:6]]
        ways = ("unmoved", "optical_flow", "siamese", "refined")
        assert shown == [f"{100 * gap['share'][way]:.1f}" for way in ways]
    assert (metrics["frame_size_px"], metrics["reach_head_sizes"]) == (96, 0.5)


def test_a_missing_picture_is_rejected_with_its_reason_and_exit_code_3(
    app: typer.Typer, arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "clip/000001_mpii_still/000002.png").unlink()
    result = CliRunner().invoke(app, [*arguments, "--gaps", "1"])
    assert result.exit_code == 3
    assert "rejected: still.json images[2]: expected the picture 000002.png" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gaps", "1,x"], r"--gaps: expected whole numbers from 1 .* got '1,x'"),
        (["--gaps", "0"], r"--gaps: expected whole numbers from 1 .* got '0'"),
        (["--frame-size", "100"], "--frame-size: expected a multiple of 32, got 100"),
        (["--weights", "nowhere"], r"nowhere: expected correspondence\.safetensors or siamese\.safetensors"),
        (["--annotations", "nowhere.json"], r"nowhere\.json: expected a readable file"),
    ],
)
def test_bad_input_gives_one_error(app: typer.Typer, arguments: list[str], words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, [*arguments, *words])
    assert isinstance(result.exception, InputError)
    with pytest.raises(InputError, match=message):
        raise result.exception
