"""Stand-ins for the networks: a pose in the middle of every box, and maps that peak where their source is.

They cost next to nothing, so that what the stages keep of a very long video can be measured.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from models.arrays import FloatArray, Picture
from models.fields.affinity_map import cell_of
from models.keypoints import KEYPOINT_COUNT
from models.networks.backbone import FEATURE_STRIDE
from models.poses import crops
from models.poses.estimation import PersonCrop, PoseEstimator
from models.tracking.correspondence_maps import CorrespondenceMaps, FittedFrame, PoseMaps
from tasks.inference import networks
from tasks.params.estimate import EstimateParams
from tasks.params.recover import RecoverParams

LOGIT, SCORE = 4.0, 0.9


class SamePose(PoseEstimator):
    """Keypoints on a spiral around the middle of the crop."""

    def __init__(self, settings: EstimateParams) -> None:
        self._settings = settings

    def _batch(self, persons: Sequence[PersonCrop]) -> tuple[FloatArray, FloatArray]:
        angle = np.arange(KEYPOINT_COUNT)
        size = self._settings.crop_width_px, self._settings.crop_height_px
        x, y = (side * (0.5 + 0.02 * angle * turn(angle)) for side, turn in zip(size, (np.cos, np.sin), strict=True))
        back = crops.invert(np.stack([person.affine for person in persons]))
        shape = len(persons), KEYPOINT_COUNT
        xy = np.stack(crops.apply(back, np.broadcast_to(x, shape), np.broadcast_to(y, shape)), axis=-1)
        return xy, np.full(shape, SCORE)


class StillMaps(CorrespondenceMaps):
    """Maps of persons who do not move."""

    def __init__(self, settings: RecoverParams) -> None:
        self._settings = settings

    def fit(self, picture: Picture) -> FittedFrame:
        """Features without content."""
        size = self._settings.frame_size_px
        affine = crops.frame_affine(picture.shape[1], picture.shape[0], size_px=size)
        return FittedFrame(torch.zeros(1, 32, size // FEATURE_STRIDE, size // FEATURE_STRIDE), affine)

    def maps_of_frames(
        self, sources: Sequence[FittedFrame], target: FittedFrame, xy: FloatArray, score: FloatArray
    ) -> PoseMaps:
        """Maps with one high cell each."""
        side = target.features.shape[-1]
        cells = cell_of(target.fitted(xy), "floor").clamp(0, side - 1)
        peak = (
            F.one_hot(cells[..., 1] * side + cells[..., 0], side * side).float().reshape(*cells.shape[:-1], side, side)
        )
        return PoseMaps({"refined": LOGIT * (2 * peak - 1), "siamese": peak}, target, "floor")


def put_in_place() -> None:
    """Let the stages of this process load stand-ins; they read their weight files all the same."""

    def same_pose(weights: Path, params: EstimateParams) -> PoseEstimator:
        return SamePose(params)

    def still_maps(weights: Path, params: RecoverParams, *, refine: bool = True) -> CorrespondenceMaps:
        return StillMaps(params)

    networks.load_estimator, networks.load_correspondence_maps = same_pose, still_maps
