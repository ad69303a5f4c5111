"""The weight files that `corrtrack reprocess` tracks by."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from flows.runtime.printing import print_line
from flows.runtime.repository import Repository
from tasks.code_files import REPOSITORY
from tasks.content_key import file_digest
from tasks.errors import InputError
from tasks.out_folder import remove_written
from tasks.whole_files import whole_file
from tasks.workspace import Workspace

NETWORKS: Final = ("pose", "correspondence")
"""Networks that videos are tracked by."""
STARTING_WEIGHTS: Final = REPOSITORY / "models" / "weights"
"""Networks that come with the code; what they were trained on stands in their model card."""


def find_weights(repository: Repository, folder: Path | None, *, needs_pose: bool) -> dict[str, Path]:
    """Weight files by name: those of `folder`, or those that the repository has trained, or else the starting weights.

    Args:
        repository: whose artifacts/models is looked at first.
        folder: weight files that the user names; nothing else is looked at then.
        needs_pose: whether the pose network must be there; poses of files are tracked without it.

    Raises:
        InputError: a network that is needed is missing; names the ways to get it.
    """
    needed = NETWORKS if needs_pose else ("correspondence",)
    named = repository.workspace.models if folder is None else folder.expanduser().resolve()
    weights = {name: named / f"{name}.safetensors" for name in NETWORKS}
    if folder is None:
        # A pose network of drawn persons would spoil recovered poses that come from elsewhere: only where it is needed.
        absent = [name for name in needed if not weights[name].is_file()]
        weights |= {name: STARTING_WEIGHTS / f"{name}.safetensors" for name in absent}
    weights = {name: path for name, path in weights.items() if path.is_file()}
    missing = [f"{name}.safetensors" for name in needed if name not in weights]
    if missing:
        raise InputError(
            f"{named}: expected the weights {' and '.join(f'{name}.safetensors' for name in needed)}, found no "
            f"{' and no '.join(missing)}; train them with `make demo` (or with `corrtrack reproduce --profile "
            "paper` on your own data), or take released ones by `corrtrack import-weights` and name them with --weights"
        )
    return weights


def networks_folder(repository: Repository, folder: Path | None, console: Console | None) -> Path:
    """The folder of the networks to evaluate: `folder`, or what the repository has trained, or the starting weights.

    One folder for all of them, so that networks which are compared come from one training. The console is for the
    notice of the starting weights.
    """
    if folder is not None:
        return folder
    trained = repository.workspace.models
    if any((trained / f"{name}.safetensors").is_file() for name in ("correspondence", "siamese")):
        return trained
    notice = starting_weights_notice({"the networks": STARTING_WEIGHTS / "correspondence.safetensors"})
    if console is not None and notice:
        print_line(console, notice)
    return STARTING_WEIGHTS


def starting_weights_notice(weights: Mapping[str, Path]) -> str | None:
    """What to expect of the starting weights, in a sentence, where any of the weights are those."""
    names = [name for name, path in weights.items() if path.parent == STARTING_WEIGHTS]
    if not names:
        return None
    return (
        f"{' and '.join(names)}: the starting weights of {STARTING_WEIGHTS.parent.name}/{STARTING_WEIGHTS.name}, which "
        "were trained on drawn persons only; for real video train networks, or name better ones with --weights"
    )


def copy_weights(files: Mapping[str, Path], workspace: Workspace) -> None:
    """Keep the weights beside what they produce; unchanged ones stay as they are, those of no use now go."""
    workspace.models.mkdir(parents=True, exist_ok=True)
    for name in set(NETWORKS) - set(files):
        remove_written(workspace.weights(name))
    for name, source in files.items():
        target = workspace.weights(name)
        if not target.is_file() or file_digest(target) != file_digest(source):
            with whole_file(target) as partial_file:
                shutil.copyfile(source, partial_file)
