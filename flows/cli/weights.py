"""`corrtrack import-weights`: the authors' release as weight files of this project, and `fetch-weights`."""

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from flows.runtime.printing import print_line
from tasks.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.networks.correspondence import CorrespondenceNetwork
    from models.networks.pose import PoseNetwork


class ReleasedKind(StrEnum):
    """Which of the released networks a checkpoint holds."""

    POSE = "pose"
    CORRESPONDENCE = "correspondence"


def register(app: typer.Typer) -> None:
    """Add the commands to `corrtrack`."""
    app.command()(import_weights)
    app.command()(fetch_weights)


def fetch_weights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="keypoint-rcnn, faster-rcnn-v2 or posetrack21-release.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the file; by default that of torch.hub.")
    ] = None,
) -> None:
    """Fetch weights that others publish; a transfer that broke off goes on where it ended.

    keypoint-rcnn (226 MiB) and faster-rcnn-v2 are torchvision's, and are known by the hash in their name;
    posetrack21-release is the authors' zip for `corrtrack import-weights`, whose hash is recorded at first use.

    Exit codes: 0 the file is there, 2 it cannot be fetched or is another file.

    Examples:

    - `corrtrack fetch-weights keypoint-rcnn`: for `corrtrack reprocess --pretrained torchvision`

    - `corrtrack fetch-weights posetrack21-release --out weights`
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from tasks.public_weights import PUBLIC, default_folder
    from tasks.resumed_download import fetch_resumed

    if name not in PUBLIC:
        raise InputError(f"fetch-weights {name}: expected one of {', '.join(PUBLIC)}")
    weights = PUBLIC[name]()
    target = (default_folder() if out is None else out) / weights.file_name
    console = Console()
    print_line(console, f"{weights.url}; licence: {weights.licence}")
    with Progress(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=console, transient=True) as bars:
        bar = bars.add_task(name, total=None)
        digest = fetch_resumed(weights, target, lambda size, total: bars.update(bar, completed=size, total=total))
    known = "" if weights.hash_prefix else f", recorded in {target.name}.sha256, as nobody has published it"
    print_line(console, f"{target}: SHA-256 {digest}{known}")


def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The released zip, or a checkpoint (.pth) of it.")],
    kind: Annotated[
        ReleasedKind | None, typer.Option("--kind", help="The network that a checkpoint holds; a zip holds both.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for KIND.safetensors; by default the checkout's own weights."
        ),
    ] = None,
) -> None:
    """Turn the checkpoints that the paper's authors released into weight files of this project.

    No code in the files is run: only tensors are read. Every tensor must be present with its shape; otherwise the error
    counts those that are missing, extra or misshapen, and nothing is written. What the first example writes is tracked
    with by `corrtrack reprocess VIDEO --out DIR --profile released --weights weights/released`.

    Exit codes: 0 written, 2 the file cannot be used.

    Examples:

    - `corrtrack import-weights PoseTrack21Release.zip --out weights/released`

    - `corrtrack import-weights pose_estimation_model.pth --kind pose --out weights/released`

    - `corrtrack import-weights corrtrack_model.pth --kind correspondence --out weights/released`
    """
    from models.weight_files import WeightsError
    from tasks.released_zip import unpacked

    if kind is None and file.suffix.lower() != ".zip":
        raise InputError(f"{file}: expected the released zip, or --kind pose or --kind correspondence for a checkpoint")
    folder = _checkout_weights() if out is None else out
    try:
        if kind is None:
            with unpacked(file) as checkpoints:
                networks = {name: _read(path, ReleasedKind(name), file) for name, path in checkpoints.items()}
        else:
            networks = {kind.value: _read(file, kind, file)}
    except WeightsError as error:
        raise InputError(str(error)) from error
    _write(networks, folder)
    for name, network in networks.items():
        parameters = sum(parameter.numel() for parameter in network.parameters())
        print_line(Console(), f"{folder / f'{name}.safetensors'}: {parameters:,} parameters, every tensor assigned")


def _checkout_weights() -> Path:
    from flows.runtime.repository import find_repository

    try:
        return find_repository().workspace.models
    except InputError as error:
        raise InputError("--out: expected a folder for the weights, as there is no checkout here") from error


def _read(checkpoint: Path, kind: ReleasedKind, file: Path) -> "PoseNetwork | CorrespondenceNetwork":
    from models.networks.correspondence import load_released_correspondence
    from models.networks.pose import load_released_pose
    from models.weight_files import WeightsError

    try:
        return load_released_pose(checkpoint) if kind is ReleasedKind.POSE else load_released_correspondence(checkpoint)
    except WeightsError as error:
        raise WeightsError(
            str(error).replace(str(checkpoint), f"{file}, {kind.value}" if checkpoint != file else str(file))
        ) from error


def _write(networks: "Mapping[str, PoseNetwork | CorrespondenceNetwork]", folder: Path) -> None:
    """Write all of them or none; a file with other weights, which may have taken hours, is never replaced."""
    from models.weight_files import save_weights
    from tasks.content_key import file_digest

    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".import-") as beside:
        written = {folder / f"{name}.safetensors": Path(beside) / f"{name}.safetensors" for name in networks}
        for (name, network), file in zip(networks.items(), written.values(), strict=True):
            kind: Literal["pose", "correspondence"] = "pose" if name == "pose" else "correspondence"
            save_weights(file, network, kind=kind, architecture=network.architecture, params={})
        for target, file in written.items():
            if target.exists() and file_digest(target) != file_digest(file):
                raise InputError(
                    f"{target}: expected no file, found other weights; move them away, or name another --out"
                )
        for target, file in written.items():
            file.replace(target)
