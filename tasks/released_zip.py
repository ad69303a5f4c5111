"""The authors' release as it is downloaded: a zip whose checkpoints are copied out, whatever else it holds."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from tasks.errors import InputError

CHECKPOINTS: Final = MappingProxyType(
    {"pose": "pose_estimation_model_3_stage_lr_1e-5_wo_vis.pth", "correspondence": "corrtrack_model.pth"}
)
"""File name of each network's checkpoint in the release; it may lie in any of its folders."""
_LARGEST_BYTES: Final = 2 * 2**30
"""Of one unpacked checkpoint: the networks have at most 0.25 GB, and an optimiser's state may lie beside them."""
_BLOCK_BYTES: Final = 1 << 20
_SHOWN: Final = 5


@contextmanager
def unpacked(file: Path, *, largest_bytes: int = _LARGEST_BYTES) -> Iterator[dict[str, Path]]:
    """The two checkpoints of the release, by network, in a folder that is gone after the with block.

    Only these two are unpacked, under names that do not come from the zip, and no more than `largest_bytes` of each.

    Raises:
        InputError: the file is absent, is no zip, is damaged, or does not hold both.
    """
    if not file.is_file():
        raise InputError(f"{file}: expected the released zip, found no such file")
    try:
        with zipfile.ZipFile(file) as release, tempfile.TemporaryDirectory(prefix="corrtrack-") as folder:
            members = {kind: _member(release, file, name) for kind, name in CHECKPOINTS.items()}
            paths = {kind: Path(folder) / f"{kind}.pth" for kind in members}
            for kind, member in members.items():
                _copy(release, member, paths[kind], largest_bytes)
            yield paths
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{file}: expected the released zip, got one that cannot be unpacked: {error}") from error


def _member(release: zipfile.ZipFile, file: Path, name: str) -> zipfile.ZipInfo:
    entries = [entry for entry in release.infolist() if not entry.is_dir()]
    fitting = [entry for entry in entries if PurePosixPath(entry.filename).name == name]
    if len(fitting) != 1:
        shown = ", ".join(ascii(PurePosixPath(entry.filename).name) for entry in entries[:_SHOWN]) or "nothing"
        count = f"it {len(fitting)} times" if fitting else f"{len(entries)} other files, such as {shown}"
        raise InputError(f"{file}: expected the released zip with {name} in it, got {count}")
    return fitting[0]


def _copy(release: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, largest_bytes: int) -> None:
    """Copy a member, and count what comes out: the size that a zip states may be wrong."""
    size = 0
    with release.open(member) as source, target.open("wb") as copy:
        while block := source.read(_BLOCK_BYTES):
            size += len(block)
            if size > largest_bytes:
                raise InputError(
                    f"{release.filename}: expected at most {largest_bytes} bytes in {target.name}, got more"
                )
            copy.write(block)
