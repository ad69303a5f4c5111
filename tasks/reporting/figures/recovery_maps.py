"""Affinity maps of one pose, computed once more to be shown: the tables keep their peaks only."""

from pathlib import Path

import cv2
import numpy as np

from models.arrays import BoolArray, Float32Array, FloatArray, Picture
from models.networks.backbone import FEATURE_STRIDE
from models.networks.correspondence import load_correspondence
from models.poses.frame_poses import FramePoses
from tasks.inference.correspondence_maps import CorrespondenceMaps
from tasks.inference.networks import loaded
from tasks.params.recover import RecoverParams


class RecoveryMaps:
    """The correspondence network with the maps that recovery used."""

    def __init__(self, weights: Path, params: RecoverParams) -> None:
        self._network = CorrespondenceMaps(loaded(load_correspondence, weights), params)
        self._params = params

    @property
    def threshold(self) -> float:
        """From which a correspondence is confident."""
        params = self._params
        return params.corr_threshold if params.maps == "refined" else params.corr_threshold_siamese

    @property
    def query_threshold(self) -> float:
        """From which a keypoint is looked for."""
        return self._params.query_keypoint_threshold

    def queried(self, score: FloatArray) -> BoolArray:
        """Which keypoints (17) are looked for."""
        return np.asarray(score >= self.query_threshold)

    def of(
        self, before: Picture, after: Picture, xy: FloatArray, score: FloatArray
    ) -> tuple[Float32Array, FloatArray, FloatArray]:
        """Largest value of a pose's maps at each pixel (H,W) of `after`, and its peaks: places (17,2), values (17)."""
        poses = FramePoses(0, np.zeros(1, dtype=np.int64), xy[None], score[None])
        target = self._network.fit(after)
        maps = self._network.maps(self._network.fit(before), target, poses)
        cells = maps.whole(self._params.maps)[0].cpu().numpy()[self.queried(score)]
        heat = cells.max(axis=0) if len(cells) else np.zeros(maps.scores["refined"].shape[-2:])
        to_cell = target.affine / FEATURE_STRIDE
        to_cell[:, 2] -= 0.5
        size = (after.shape[1], after.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        spread = cv2.warpAffine(heat.astype(np.float32), to_cell, size, flags=flags)
        peak_xy, peak = maps.peaks(self._params.maps)
        return np.asarray(spread, dtype=np.float32), peak_xy[0], peak[0]
