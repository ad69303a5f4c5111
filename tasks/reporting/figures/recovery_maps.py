"""Affinity maps of one pose, computed again for the figures: the tables hold only their peaks."""

from pathlib import Path

import cv2
import numpy as np

from models.arrays import BoolArray, Float32Array, FloatArray, Picture
from models.networks.backbone import FEATURE_STRIDE
from models.poses.frame_poses import FramePoses
from tasks.inference.networks import load_correspondence_maps
from tasks.params.recover import RecoverParams


class RecoveryMaps:
    """The correspondence network, for the kind of maps that recovery used."""

    def __init__(self, weights: Path, params: RecoverParams) -> None:
        self._network = load_correspondence_maps(weights, params)
        self._params = params

    @property
    def threshold(self) -> float:
        """Smallest peak of a confident correspondence."""
        params = self._params
        return params.corr_threshold if params.maps == "refined" else params.corr_threshold_siamese

    @property
    def query_threshold(self) -> float:
        """Smallest score of a keypoint that is queried."""
        return self._params.query_keypoint_threshold

    def queried(self, score: FloatArray) -> BoolArray:
        """Which keypoints (17) are queried."""
        return np.asarray(score >= self.query_threshold)

    def of(
        self, before: Picture, after: Picture, xy: FloatArray, score: FloatArray
    ) -> tuple[Float32Array, FloatArray, FloatArray]:
        """Largest value of the maps of a pose at each pixel (H,W) of `after`; peaks (17,2) px and their values (17)."""
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
