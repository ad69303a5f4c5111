"""`corrtrack import-weights`: the authors' released checkpoints as weight files of this project."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.runtime.printing import print_line
from tasks.errors import InputError

if TYPE_CHECKING:
    from torch import nn


class ReleasedKind(StrEnum):
    """Which of the released networks a checkpoint holds."""

    POSE = "pose"
    CORRESPONDENCE = "correspondence"


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command()(import_weights)


def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A released checkpoint (.pth), as it was downloaded.")],
    kind: Annotated[ReleasedKind, typer.Option("--kind", help="The network it holds; both files are needed.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the result; KIND.safetensors is written there.")
    ] = Path("artifacts/models"),
) -> None:
    """Turn a checkpoint that the paper's authors released into a weight file of this project.

    No code in the file is run: only tensors are read. Every tensor must be present with its shape; otherwise the error
    lists those that are missing, extra or misshapen, and nothing is written. The profile `released` tracks with them.

    Exit codes: 0 written, 2 the file cannot be used.

    Examples:

    - `corrtrack import-weights pose_estimation_model.pth --kind pose --out weights/released`

    - `corrtrack import-weights corrtrack_model.pth --kind correspondence --out weights/released`
    """
    from models.weight_files import WeightsError

    try:
        network, target = _import(file, kind, out)
    except WeightsError as error:
        raise InputError(str(error)) from error
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print_line(Console(), f"{target}: {parameters:,} parameters, every tensor assigned")


def _import(file: Path, kind: ReleasedKind, out: Path) -> tuple["nn.Module", Path]:
    from models.networks.correspondence import load_released_correspondence
    from models.networks.pose import load_released_pose
    from models.weight_files import save_weights

    network = load_released_pose(file) if kind is ReleasedKind.POSE else load_released_correspondence(file)
    target = out / f"{kind.value}.safetensors"
    save_weights(target, network, kind=kind.value, architecture=network.architecture, params={})
    return network, target
