"""Stage train_siamese: the Siamese network on warped pictures (4.1, 4.3)."""

from functools import partial
from typing import TYPE_CHECKING

from models.networks.correspondence import CorrespondenceNetwork, SiameseNetwork
from models.weight_files import Kind
from tasks.params.train_siamese import TrainSiameseParams
from tasks.training.pair_job import SiameseJob
from tasks.training.sources import pair_sources
from tasks.training.stage import run_job
from tasks.training.start_weights import imagenet_digest, start_digest, start_from, start_from_imagenet
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def run(workspace: Workspace, params: "Params") -> None:
    """Train and write models/siamese.

    Raises:
        InputError: no training persons with keypoints.
        TrainingError: the training cannot go on.
    """
    section = params.train_siamese
    data, held_out, digests = pair_sources(workspace, section.source, section, "train_siamese")
    job = SiameseJob(
        "train_siamese",
        section,
        seed=params.run.seed,
        data=data,
        held_out=held_out,
        digests=digests
        | imagenet_digest(section.imagenet_weights, "train_siamese")
        | start_digest(section.start_weights, "train_siamese"),
        build=partial(_network, section),
    )
    run_job(job, workspace, params, weights="siamese")


def _network(section: TrainSiameseParams) -> CorrespondenceNetwork:
    siamese = start_from_imagenet(SiameseNetwork(width=section.width), section.imagenet_weights, "train_siamese")
    parts: dict[Kind, str] = {"siamese": "", "correspondence": "siamese."}
    start_from(siamese, section.start_weights, "train_siamese", parts=parts)
    return CorrespondenceNetwork(siamese, None, norm=section.norm, cells=section.cells)
