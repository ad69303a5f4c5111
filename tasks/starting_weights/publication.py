"""From the folder of the recipe to models/weights: networks in half precision, and their learning curves."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from torch import nn

from models.networks.correspondence import CorrespondenceNetwork, load_correspondence
from models.networks.pose import load_pose
from models.networks.reid import load_reid
from models.weight_files import Kind, load_weights, save_weights
from tasks.params.sections import Params
from tasks.training.checkpoint import FinalResults
from tasks.training.job import sample_generator
from tasks.training.pair_calibration import calibrate
from tasks.training.pair_data import PairData
from tasks.training.persons import read_persons
from tasks.training.stage import write_rows
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

CURVES: Final = (
    "finetune_round_1",
    "finetune_round_2",
    "finetune_round_3",
    "finetune_round_4",
    "finetune_round_5",
    "finetune_round_6",
    "finetune_round_7",
    "finetune",
    "train_siamese_round_1",
    "train_siamese_round_2",
    "train_siamese",
    "train_refinement_round_1",
    "train_refinement_round_2",
    "train_refinement",
    "train_reid",
)
"""Tables of loss, rate and validation metrics by epoch, named by stage."""

CALIBRATION_SIZES_PX: Final = (128, 192, 256, 384, 512)
"""Frame sizes at which the published refinement is calibrated: those of its training, of the demo and of real video."""


def publish(home: Path, target: Path, params: Params) -> list[Path]:
    """Write the trained networks of `home` into the folder `target`, and their curves into `target`/curves.

    Args:
        home: folder of the recipe.
        target: folder of the published weights.
        params: of the recipe's last round, for the pairs that calibrate the refinement.

    Raises:
        WeightsError: a network is not there or cannot be used; nothing is written then.
    """
    workspace = Workspace.of_repository(home)
    pose, reid = load_pose(workspace.weights("pose")), load_reid(workspace.weights("reid"))
    written = publish_correspondence(workspace, target, params)
    written.append(_write(pose, pose.architecture, workspace.weights("pose"), target, "pose"))
    written.append(_write(reid, reid.architecture, workspace.weights("reid"), target, "reid"))
    for name in CURVES:
        source = workspace.artifacts / "plots" / f"{name}.csv"
        written.append(write_whole(target / "curves" / f"{name}.csv", source.read_text(encoding="utf-8")))
    return written


def publish_correspondence(workspace: Workspace, target: Path, params: Params) -> list[Path]:
    """Calibrate the correspondence network on the held-out pictures and write it with its reliability.

    Its file holds the Siamese network too.

    Raises:
        WeightsError: it is not there or cannot be used.
    """
    source = workspace.weights("correspondence")
    network = load_correspondence(source)
    results = calibrate_published(network, workspace, params)
    table = target / "curves" / "reliability.csv"
    rows = results.tables["reliability"]
    path = _write(network, network.architecture, source, target, "correspondence")
    write_rows(list(rows[0]), rows, table)
    return [path, table]


def calibrate_published(network: CorrespondenceNetwork, workspace: Workspace, params: Params) -> FinalResults:
    """Calibrate a network, in place, on warps of the corpus's held-out pictures at `CALIBRATION_SIZES_PX`."""
    section = params.train_refinement
    held_out = PairData(workspace.data, read_persons(workspace.tables, "coco", "val"), "coco", section)
    return calibrate(
        network,
        held_out,
        sizes_px=CALIBRATION_SIZES_PX,
        size_px=section.size_px,
        count=section.validation_samples,
        batch_size=section.micro_batch_size,
        generator=partial(sample_generator, params.run.seed, "train_refinement", -1),
    )


def _write(network: nn.Module, architecture: Mapping[str, Any], source: Path, target: Path, kind: Kind) -> Path:
    path, trained = target / f"{kind}.safetensors", load_weights(source, kind).params
    save_weights(path, network, kind=kind, architecture=architecture, params=trained, half_precision=True)
    return path
