"""The networks that the compared methods need, from a folder of weight files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.tracking.correspondence_maps import CorrespondenceMaps
from tasks.errors import InputError
from tasks.tracker_evaluation.reidentification import Embed, embedder
from tasks.warps.propagators import load_network

if TYPE_CHECKING:
    from tasks.params.sections import Params
    from tasks.params.track import TrackParams


@dataclass(frozen=True)
class Networks:
    """Networks, the parameters of tracking that fit them, and what must be said of them."""

    track: "TrackParams"
    """Section track, with the maps that the network has."""
    maps: CorrespondenceMaps | None = None
    embed: Embed | None = None
    crop_size: tuple[int, int] = (0, 0)
    """Width and height of the crops that are embedded, px."""
    notices: list[str] = field(default_factory=list)


def load_networks(weights: Path, params: "Params") -> Networks:
    """The networks of correspondence.safetensors (or siamese.safetensors) and reid.safetensors.

    Raises:
        InputError: there is no network of correspondences, or a file holds something else.
    """
    network = load_network(weights)
    section, notices = params.track, []
    if network.refinement is None and section.maps == "refined":
        section = section.model_copy(update={"maps": "siamese"})
        notices.append("no refinement network: correspondences are those of S, at track.tau_corr_siamese")
    reid = weights / "reid.safetensors"
    embed = embedder(params, reid) if reid.is_file() or params.ablate.reid_embedder else None
    if embed is None:
        notices.append(f"Re-ID is left out: {weights} has no trained reid.safetensors")
    size = (params.train_reid.crop_width_px, params.train_reid.crop_height_px)
    return Networks(section, CorrespondenceMaps(network, params.recover), embed, size, notices)


def no_networks(params: "Params", weights: Path | None) -> Networks:
    """What remains without pictures: the comparison of poses where they are.

    Raises:
        InputError: weights are named, which need pictures.
    """
    if weights is not None:
        raise InputError(f"--weights {weights}: expected --video too, since networks look at pictures")
    return Networks(params.track, notices=["without --video only OKS is measured: the other methods need pictures"])
