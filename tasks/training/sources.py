"""The training data of a stage: persons of the tables, with digests of everything that decides the result."""

from tasks.params.pair_training import PairTrainingSection
from tasks.progress import current
from tasks.training.pair_data import PairData
from tasks.training.persons import AnnotatedPersons, Source, read_persons, require_persons
from tasks.workspace import Workspace


def train_and_val(workspace: Workspace, source: Source, stage: str) -> tuple[AnnotatedPersons, AnnotatedPersons]:
    """Training persons, at least one, and held-out persons; a notice says when there are none of these."""
    train = require_persons(read_persons(workspace.tables, source, "train"), stage, source)
    held_out = read_persons(workspace.tables, source, "val")
    if not len(held_out):
        current().notice(f"{stage}: no held-out {source} persons (split val), so training runs without validation")
    return train, held_out


def pair_sources(
    workspace: Workspace, source: str, section: PairTrainingSection, stage: str
) -> tuple[list[PairData], PairData, dict[str, str]]:
    """Training pictures in the order of their use, held-out ones, and digests; `source` as in train_siamese.source.

    Raises:
        InputError: the (first) source has no training persons.
    """
    names: list[Source] = ["posetrack"] if source == "posetrack" else ["coco"]
    train, held_out = train_and_val(workspace, names[0], stage)
    parts = [train]
    if source == "coco_then_posetrack":
        more = read_persons(workspace.tables, "posetrack", "train")
        if len(more):
            names, parts = [*names, "posetrack"], [*parts, more]
        else:
            current().notice(f"{stage}: no PoseTrack training persons, so all epochs are trained on COCO")
    data = [PairData(workspace.data, part, name, section) for name, part in zip(names, parts, strict=True)]
    digests = {f"train_{name}": part.digest for name, part in zip(names, parts, strict=True)}
    return data, PairData(workspace.data, held_out, names[0], section), digests | {"val": held_out.digest}
