"""From the folder of the recipe to models/weights: networks in half precision, and their learning curves."""

from pathlib import Path
from typing import Final

from torch import nn

from models.networks.correspondence import load_correspondence
from models.networks.pose import load_pose
from models.networks.reid import load_reid
from models.weight_files import load_weights, save_weights
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

CURVES: Final = (
    "finetune_round_1",
    "finetune_round_2",
    "finetune_round_3",
    "finetune",
    "train_siamese_round_1",
    "train_siamese",
    "train_refinement",
    "train_reid",
)
"""Tables of loss, rate and validation metrics by epoch, named by stage."""


def publish(home: Path, target: Path) -> list[Path]:
    """Write the trained networks of `home` into the folder `target`, and their curves into `target`/curves.

    The file of the correspondence network holds the Siamese network too.

    Raises:
        WeightsError: a network is not there or cannot be used; nothing is written then.
    """
    workspace = Workspace.of_repository(home)
    networks: dict[str, nn.Module] = {
        "pose": load_pose(workspace.weights("pose")),
        "correspondence": load_correspondence(workspace.weights("correspondence")),
        "reid": load_reid(workspace.weights("reid")),
    }
    written = []
    for name, network in networks.items():
        stored = load_weights(workspace.weights(name), name)  # type: ignore[arg-type]
        path = target / f"{name}.safetensors"
        facts = {"architecture": stored.architecture, "params": stored.params}
        save_weights(path, network, kind=stored.kind, half_precision=True, **facts)
        written.append(path)
    for name in CURVES:
        source = workspace.artifacts / "plots" / f"{name}.csv"
        written.append(write_whole(target / "curves" / f"{name}.csv", source.read_text(encoding="utf-8")))
    return written
