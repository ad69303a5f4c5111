"""Networks from weight files, with the parameters of the stages that run them; faults of a file are bad input."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from torch import nn

from models.networks.correspondence import load_correspondence
from models.networks.pose import load_pose
from models.poses.estimation import PoseEstimator
from models.tracking.correspondence_maps import CorrespondenceMaps
from models.weight_files import Kind, WeightsError, load_weights
from tasks.errors import InputError

if TYPE_CHECKING:
    from tasks.params.estimate import EstimateParams
    from tasks.params.recover import RecoverParams

Network = TypeVar("Network", bound=nn.Module)
_FIT_MARGIN: Final = 1.25
"""A frame may be fitted into a square this much smaller or larger than those of the training."""


def loaded(load: Callable[[Path], Network], path: Path) -> Network:
    """Return the network that `load` reads from a weight file.

    Raises:
        InputError: the file is missing or holds no such network.
    """
    try:
        return load(path)
    except WeightsError as error:
        raise InputError(str(error)) from error


def trained_params(path: Path, kind: Kind) -> dict[str, Any]:
    """Return the parameters that a network was trained with; imported weights may have none.

    Raises:
        InputError: the file is missing or holds no such network.
    """
    try:
        return load_weights(path, kind).params
    except WeightsError as error:
        raise InputError(str(error)) from error


def load_estimator(weights: Path, params: "EstimateParams") -> PoseEstimator:
    """Return the pose network of a weight file, with the parameters of the stage estimate.

    Raises:
        InputError: the file is missing, holds no pose network, or the network lacks the stage that is asked for.
    """
    network = loaded(load_pose, weights)
    stage_count = len(network.stages)
    if not -stage_count <= params.output_stage < stage_count:
        raise InputError(
            f"{weights}: estimate.output_stage must be one of the network's {stage_count} stages, "
            f"got {params.output_stage}"
        )
    return PoseEstimator(network, params)


def crop_size_notices(weights: Path, params: "EstimateParams") -> list[str]:
    """Return one sentence for each side of the crops that differs from those the pose network was trained with.

    Raises:
        InputError: the file is missing or holds no pose network.
    """
    trained = trained_params(weights, "pose")
    return [
        f"estimate.{name} is {getattr(params, name)}, but the pose network was trained with {trained[name]}: "
        "expect poorer poses"
        for name in ("crop_width_px", "crop_height_px")
        if name in trained and trained[name] != getattr(params, name)
    ]


def frame_size_notices(weights: Path, params: "RecoverParams") -> list[str]:
    """Return a sentence where frames are fitted into another square than pictures were while the network was trained.

    Raises:
        InputError: the file is missing or holds no correspondence network.
    """
    trained = trained_params(weights, "correspondence").get("fit_px_range")
    if trained is None or trained[0] / _FIT_MARGIN <= params.frame_size_px <= trained[1] * _FIT_MARGIN:
        return []
    return [
        f"recover.frame_size_px is {params.frame_size_px}, but the correspondence network was trained with pictures "
        f"fitted into {trained[0]:g} to {trained[1]:g} px: expect poorer correspondences"
    ]


def load_correspondence_maps(weights: Path, params: "RecoverParams", *, refine: bool = True) -> CorrespondenceMaps:
    """Return the correspondence network of a weight file, with the parameters of the stage recover.

    Args:
        weights: weight file of the correspondence network.
        params: parameters of the stage recover.
        refine: False leaves the refinement network out.

    Raises:
        InputError: the file is missing or holds no such network.
    """
    network = loaded(load_correspondence, weights)
    if not refine:
        network.refinement = None
    return CorrespondenceMaps(network, params)
