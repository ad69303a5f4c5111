"""`--json` on every command that reports: one JSON document on standard output, and nothing else there."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from flows.cli import app
from flows.runtime.printing import print_json
from flows.runtime.repository import Repository
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.weight_files import save_weights
from tasks.errors import InputError
from tasks.out_folder import claim_out_folder
from tasks.params.loading import load_params
from tasks.tables.schemas import TRACKS
from tests.tasks.given_poses.conftest import Scene
from tests.tasks.tracked_corpus import Corpus

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/golden/poseval/01_perfect"
REPORTS_NOTHING = {"stage", "schedule", "fetch-weights", "import-weights", "ui"}
"""Commands whose work is their answer."""


@dataclass(frozen=True)
class Inputs:
    """What the commands are tried on: a finished out folder, a filmed scene of two persons, and a network."""

    root: Path
    checkout: Repository

    @property
    def out(self) -> Path:
        return self.root / "run"

    def finished(self) -> Path:
        """An out folder with the tracks of an annotated video."""
        corpus, params = Corpus(claim_out_folder(self.out)), load_params(ROOT / "params.yaml")
        corpus.add("000001_mpii_test")
        corpus.track(TRACKS, "000001_mpii_test")
        corpus.run("export", params)
        request = {"corpus": str(corpus.workspace.data), "weights": {}, "params": params.model_dump(mode="json")}
        (corpus.workspace.artifacts / "request.json").write_text(json.dumps(request))
        return self.out

    def scene(self) -> Scene:
        shape = np.random.default_rng(5).uniform((-12, -30), (12, 30), (17, 2))
        (self.root / "scene").mkdir()
        return Scene(
            self.root / "scene",
            {at: [shape + np.array([x + frame, 48]) for frame in range(3)] for at, x in ((4, 35), (9, 120))},
        )

    def store(self) -> Path:
        """An empty store of shards."""
        (self.root / "store").mkdir()
        return self.root / "store"

    def weights(self) -> Path:
        network = CorrespondenceNetwork(SiameseNetwork(width=0.0625), RefinementNetwork(width=0.0625)).eval()
        path = self.root / "weights" / "correspondence.safetensors"
        save_weights(path, network, kind="correspondence", architecture=network.architecture, params={})
        return path.parent


def compare(given: Inputs) -> tuple[Path, list[object]]:
    out = given.finished()
    return given.checkout.root, ["compare", out, out, "--resamples", "10"]


def explain(given: Inputs) -> tuple[Path, list[object]]:
    return ROOT, ["explain", given.finished() / "artifacts/exports"]


def evaluate_tracking(given: Inputs) -> tuple[Path, list[object]]:
    scene = given.scene()
    return ROOT, [
        "evaluate-tracking",
        "--poses",
        scene.write_poses(),
        "--annotations",
        scene.write_boxes(),
        "--stride",
        1,
    ]


def evaluate_warps(given: Inputs) -> tuple[Path, list[object]]:
    scene = given.scene()
    files = ["--frames", scene.write_video(), "--annotations", scene.write_keypoints(), "--weights", given.weights()]
    return ROOT, ["evaluate-warps", *files, "--frame-size", 96, "--gaps", 1]


def evaluate_noise(given: Inputs) -> tuple[Path, list[object]]:
    scene, root = given.scene(), given.root / "data/posetrack"
    (root / "annotations/val").mkdir(parents=True)
    scene.write_keypoints().rename(root / "annotations/val/a.json")
    scene.write_video().rename(root / "img1")
    where = ["--corpus", root.parent, "--weights", given.weights(), "--out", given.root / "noise"]
    grid = ["--noise", 0, "--dropout", 0.5, "--stride", 1, "--set", "recover.frame_size_px=96"]
    return ROOT, ["evaluate-noise", *where, *grid]


def reprocess(given: Inputs) -> tuple[Path, list[object]]:
    scene = given.scene()
    files = ["--poses", scene.write_poses(), "--weights", given.weights(), "--out", given.root / "new"]
    return ROOT, ["reprocess", scene.write_video(), *files, "--dry-run"]


CASES: dict[str, Callable[[Inputs], tuple[Path, list[object]]]] = {
    "checks": lambda given: (given.checkout.root, ["doctor"]),
    "stage": lambda given: (given.checkout.root, ["reproduce", "--dry-run"]),
    "origins": compare,
    "params_sha256": explain,
    "videos": lambda given: (ROOT, ["status", given.finished()]),
    "tried_again": lambda given: (ROOT, ["retry", given.finished()]),
    "deleted_files": lambda given: (ROOT, ["prune", given.finished()]),
    "written": lambda given: (ROOT, ["export", given.finished(), "--format", "csv", "--out", given.root / "csv"]),
    "archive": lambda given: (
        ROOT,
        [
            "export",
            "--pred",
            given.finished() / "artifacts/exports/posetrack18/tracking",
            "--out",
            given.root / "x.zip",
        ],
    ),
    "refused": lambda given: (ROOT, ["convert", GOLDEN / "gt", "--to", "posetrack17", "--out", given.root / "p17"]),
    "metrics": lambda given: (
        ROOT,
        ["score", "--gt", GOLDEN / "gt", "--pred", GOLDEN / "pred", "--out", given.root / "scores"],
    ),
    "thresholds": evaluate_tracking,
    "gaps": evaluate_warps,
    "rows": evaluate_noise,
    "videos_to_track": reprocess,
    "shards": lambda given: (ROOT, ["store", "ls", given.store()]),
    "deleted": lambda given: (ROOT, ["store", "gc", given.store(), "--keep-days", 1]),
    "damaged": lambda given: (ROOT, ["store", "verify", given.store()]),
}
"""By a name that the answer holds: the folder to be in, and the command."""


@pytest.fixture
def given(tmp_path, checkout):
    yield Inputs(tmp_path, checkout)
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_one_json_document(given, name, monkeypatch):
    folder, command = CASES[name](given)
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, [*map(str, command), "--json"])
    assert not isinstance(ran.exception, Exception), ran.exception
    assert ran.exit_code in {0, 1 if name == "checks" else 0}, ran.output
    answer = json.loads(ran.stdout)
    assert name in (answer[0] if isinstance(answer, list) else answer)


def test_every_command_that_reports_has_the_option():
    commands = dict(leaves(typer.main.get_command(app)))
    without = {name for name, options in commands.items() if "--json" not in options}
    assert without == REPORTS_NOTHING & commands.keys()


def leaves(group: Any, prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each command with its options, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("command", [["reproduce"], ["reprocess", "corpus", "--out", "out"]])
def test_a_run_itself_answers_nothing(command):
    ran = CliRunner().invoke(app, [*command, "--json"])
    assert isinstance(ran.exception, InputError)
    assert str(ran.exception).startswith("--json: expected --dry-run")


def test_undefined_numbers_are_null(capsys):
    print_json({"a": [float("nan"), float("inf"), 1.5], Path("b"): (None, "\x1b")})
    assert json.loads(capsys.readouterr().out) == {"a": [None, None, 1.5], "b": [None, "\x1b"]}
