"""Stage train_refinement: the refinement of the affinity maps, the Siamese network frozen (4.2, 4.3)."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, load_siamese
from models.weight_files import load_weights
from tasks.content_key import file_digest
from tasks.params.train_refinement import TrainRefinementParams
from tasks.training.pair_job import RefinementJob
from tasks.training.sources import pair_sources
from tasks.training.stage import run_job
from tasks.training.start_weights import start_digest, start_from
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def run(workspace: Workspace, params: "Params") -> None:
    """Train on the pictures that the Siamese network was trained on and write models/correspondence, which holds both.

    Raises:
        InputError: no training persons with keypoints.
        TrainingError: the training cannot go on.
    """
    section, siamese = params.train_refinement, workspace.weights("siamese")
    source = load_weights(siamese, "siamese").params["source"]
    data, held_out, digests = pair_sources(workspace, source, section, "train_refinement")
    job = RefinementJob(
        "train_refinement",
        section,
        seed=params.run.seed,
        data=data,
        held_out=held_out,
        digests=digests | {"weights": file_digest(siamese)} | start_digest(section.start_weights, "train_refinement"),
        build=partial(_network, siamese, section),
    )
    run_job(job, workspace, params, weights="correspondence")


def _network(path: Path, section: TrainRefinementParams) -> CorrespondenceNetwork:
    siamese, trained = load_siamese(path), load_weights(path, "siamese").params
    refinement = RefinementNetwork(width=section.width, residual=section.residual, scale_maps=section.scale_maps)
    refinement.amplify_maps(section.map_gain)
    # Only the refinement is taken: the Siamese network was trained by its own stage.
    start_from(refinement, section.start_weights, "train_refinement", parts={"correspondence": "refinement."})
    return CorrespondenceNetwork(siamese, refinement, norm=trained["norm"], cells=trained["cells"])
