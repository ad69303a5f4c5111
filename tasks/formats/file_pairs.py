"""Annotation and prediction files of the same sequences, paired by file name."""

from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError


@dataclass(frozen=True)
class FilePair:
    """The files of one sequence; the predicted one may be missing."""

    name: str
    truth: Path
    predicted: Path


def pair_files(truth_folder: Path, predicted_folder: Path) -> tuple[list[FilePair], list[Path]]:
    """Every annotated sequence with its prediction file of the same name, sorted, and the unpaired prediction files.

    Raises:
        InputError: a folder is missing, or the first holds no annotation file.
    """
    for folder, option in ((truth_folder, "--gt"), (predicted_folder, "--pred")):
        if not folder.is_dir():
            raise InputError(f"{option} {folder}: expected a folder of JSON files, got none")
    truths = sorted(path for path in truth_folder.glob("*.json") if not path.name.startswith("."))
    if not truths:
        raise InputError(f"--gt {truth_folder}: expected annotation files (*.json), got none")
    known = {path.name for path in truths}
    unpaired = sorted(path for path in predicted_folder.glob("*.json") if path.name not in known)
    return [FilePair(path.name.split(".")[0], path, predicted_folder / path.name) for path in truths], unpaired
