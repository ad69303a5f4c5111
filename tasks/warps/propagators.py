"""Four ways to propagate poses from one frame to another, each given both frames."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from models.arrays import FloatArray, Picture
from models.networks.correspondence import CorrespondenceNetwork, load_correspondence, load_siamese
from models.poses.frame_poses import FramePoses
from models.tracking.correspondence_maps import CorrespondenceMaps, FittedFrame
from models.tracking.correspondences import MAP_KINDS, propagate_by_flow
from tasks.errors import InputError
from tasks.inference.networks import loaded, trained_params
from tasks.params.recover import RecoverParams
from tasks.tracker_evaluation.optical_flow import dis_flow

UNMOVED: Final = "unmoved"
OPTICAL_FLOW: Final = "optical_flow"


@dataclass(frozen=True)
class SeenFrame:
    """A frame with what the propagators read of it."""

    picture: Picture
    fitted: FittedFrame


Propagator: TypeAlias = Callable[[SeenFrame, SeenFrame, FramePoses], dict[str, FloatArray]]
"""Poses of the first frame to their keypoints in the second, (P,17,2) px, by name of the method."""


def stay(_source: SeenFrame, _target: SeenFrame, poses: FramePoses) -> dict[str, FloatArray]:
    """Leave the poses where they were."""
    return {UNMOVED: poses.xy}


def flow(source: SeenFrame, target: SeenFrame, poses: FramePoses) -> dict[str, FloatArray]:
    """Dense optical flow between the whole pictures, in one step however far they are apart."""
    return {OPTICAL_FLOW: propagate_by_flow(poses.xy, dis_flow(source.picture, target.picture))[0]}


class MapPropagator:
    """Peaks of the affinity maps, as recovery reads them (5.1): S, and C where there is a refinement network."""

    def __init__(self, network: CorrespondenceNetwork, params: RecoverParams) -> None:
        self.kinds = tuple(kind for kind in reversed(MAP_KINDS) if kind == "siamese" or network.refinement is not None)
        self._maps = CorrespondenceMaps(network, params)

    def see(self, picture: Picture) -> SeenFrame:
        """The picture with its features, which are needed once."""
        return SeenFrame(picture, self._maps.fit(picture))

    def __call__(self, source: SeenFrame, target: SeenFrame, poses: FramePoses) -> dict[str, FloatArray]:
        """See Propagator."""
        maps = self._maps.maps(source.fitted, target.fitted, poses)
        return {kind: maps.peaks(kind)[0] for kind in self.kinds}


def load_network(weights: Path) -> CorrespondenceNetwork:
    """The network of a folder's correspondence.safetensors, else that of its siamese.safetensors, without refinement.

    Raises:
        InputError: neither file is there, or it holds something else.
    """
    both, siamese = weights / "correspondence.safetensors", weights / "siamese.safetensors"
    if both.exists():
        return loaded(load_correspondence, both)
    if not siamese.exists():
        raise InputError(
            f"{weights}: expected {both.name} or {siamese.name}, got neither; train them with `corrtrack reproduce`, "
            "convert released ones with `corrtrack import-weights`, or name their folder with --weights"
        )
    network, trained = loaded(load_siamese, siamese), trained_params(siamese, "siamese")
    return CorrespondenceNetwork(network, None, norm=trained["norm"], cells=trained["cells"])
