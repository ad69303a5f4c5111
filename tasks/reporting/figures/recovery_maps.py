"""Affinity maps of one pose, computed again for the figures: the tables hold only their peaks."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.arrays import BoolArray, Float32Array, FloatArray, Picture
from models.networks.backbone import FEATURE_STRIDE
from models.poses.frame_poses import FramePoses
from models.tracking.correspondence_maps import PoseMaps
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

    def of(self, before: Picture, after: Picture, xy: FloatArray, score: FloatArray) -> "MapsOfPose":
        """The maps of a pose with keypoints (17,2) and scores (17) of the frame `before` onto the frame `after`."""
        poses = FramePoses(0, np.zeros(1, dtype=np.int64), xy[None], score[None])
        maps = self._network.maps(self._network.fit(before), self._network.fit(after), poses)
        return MapsOfPose(maps, (after.shape[1], after.shape[0]), self.queried(score), self._params.maps)


@dataclass(frozen=True)
class MapsOfPose:
    """The affinity maps of one pose onto one frame."""

    maps: PoseMaps
    size: tuple[int, int]
    """Width and height of the frame, px."""
    queried: BoolArray
    """(17,)."""
    used: str
    """The kind of maps that recovery used, refined or siamese."""

    @property
    def kinds(self) -> list[str]:
        """siamese, and refined where the network refines."""
        return [kind for kind in ("siamese", "refined") if kind in self.maps.scores]

    def peaks(self, kind: str) -> tuple[FloatArray, FloatArray]:
        """Where the map of each keypoint peaks, (17,2) px of the frame, and its largest value (17)."""
        xy, value = self.maps.peaks(kind)
        return xy[0], value[0]

    def of_keypoints(self, kind: str) -> Float32Array:
        """Values at each pixel of the frame, (Q,H,W) of the Q queried keypoints in order."""
        return np.stack([self._spread(cells) for cells in self._cells(kind)])

    def largest(self) -> Float32Array:
        """Largest value over the queried keypoints at each pixel of the frame, (H,W), of the maps that were used."""
        cells = self._cells(self.used)
        return self._spread(cells.max(axis=0) if len(cells) else np.zeros(cells.shape[1:], np.float32))

    def _cells(self, kind: str) -> Float32Array:
        return np.asarray(self.maps.whole(kind)[0].cpu().numpy()[self.queried], dtype=np.float32)

    def _spread(self, cells: Float32Array) -> Float32Array:
        to_cell = self.maps.target.affine / FEATURE_STRIDE
        to_cell[:, 2] -= 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(cells, to_cell, self.size, flags=flags), dtype=np.float32)
