"""Stage train_reid: the re-identification baseline of Table 2 on PoseTrack training tracks (6.2)."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from models.networks.reid import ReidNetwork
from models.weight_files import save_weights
from tasks.errors import InputError
from tasks.params.train_reid import TrainReidParams
from tasks.progress import current
from tasks.training.persons import AnnotatedPersons, Split, read_persons
from tasks.training.reid_data import ReidData
from tasks.training.reid_job import ReidJob
from tasks.training.stage import curves_path, run_job, write_curves
from tasks.training.start_weights import start_digest
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_FEWEST_IDENTITIES = 2


def run(workspace: Workspace, params: "Params") -> None:
    """Train on person crops of the training tracks and write models/reid.

    Without training tracks the file holds an untrained network for 0 identities, which means that there is no such
    baseline, and a notice says so.

    Raises:
        InputError: the batch sizes do not fit together.
        TrainingError: the training cannot go on.
    """
    section = params.train_reid
    _require_whole_groups(section)
    train, held_out = (_with_identity(workspace, split) for split in ("train", "val"))
    if len(np.unique(train.identity)) < _FEWEST_IDENTITIES:
        _write_untrained(workspace, section)
        return
    job = ReidJob(
        "train_reid",
        section,
        seed=params.run.seed,
        data=ReidData(workspace.data, train, section),
        held_out=ReidData(workspace.data, held_out, section),
        digests={"train": train.digest, "val": held_out.digest} | start_digest(section.start_weights, "train_reid"),
    )
    run_job(job, workspace, params, weights="reid")


def _with_identity(workspace: Workspace, split: Split) -> AnnotatedPersons:
    persons = read_persons(workspace.tables, "posetrack", split)
    return persons.chosen(persons.identity >= 0)


def _require_whole_groups(section: TrainReidParams) -> None:
    crops, rest = divmod(section.micro_batch_size, section.identities_per_batch)
    if rest or crops < 2:
        raise InputError(
            f"params.yaml: train_reid.identities_per_batch must divide train_reid.micro_batch_size = "
            f"{section.micro_batch_size} and leave at least 2 crops for each, got {section.identities_per_batch}"
        )


def _write_untrained(workspace: Workspace, section: TrainReidParams) -> None:
    current().notice("train_reid: no PoseTrack training tracks, so there is no re-identification baseline")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch remarks that nothing of a classifier for nobody is initialised
        network = ReidNetwork(width=section.width, embedding=section.embedding, identities=0)
    numbers = section.model_dump(mode="json")
    save_weights(workspace.weights("reid"), network, kind="reid", architecture=network.architecture, params=numbers)
    write_curves([], curves_path(workspace, "train_reid"))
