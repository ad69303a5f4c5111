"""Affinity maps of poses onto other frames: the features of a frame once, each map once (4.1, 4.2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from models.arrays import FloatArray, Picture
from models.fields.affinity_map import Convention, PeakPosition, fractional_peaks, peaks, peaks_near, pixel_of, sample
from models.networks.backbone import FEATURE_STRIDE
from models.networks.correspondence import CorrespondenceNetwork
from models.networks.inference import Precision, autocast, device, prepare
from models.poses import crops
from models.poses.frame_poses import FramePoses


class MapSettings(Protocol):
    """How maps are computed; the section `recover` of the params has these keys."""

    @property
    def frame_size_px(self) -> int:
        """Side of the square into which a frame is fitted."""

    @property
    def query_keypoint_threshold(self) -> float:
        """Least score of a keypoint that is a query."""

    @property
    def peak_position(self) -> PeakPosition:
        """Where a map peaks."""

    @property
    def batch_size(self) -> int:
        """Poses per batch."""

    @property
    def precision(self) -> Precision:
        """Precision of the convolutions."""


@dataclass(frozen=True)
class FittedFrame:
    """A frame as the correspondence network sees it: fitted into a square, black around it."""

    features: Tensor
    """(1,32,size/4,size/4), not normalised."""
    affine: FloatArray
    """(2,3), picture to square."""

    @property
    def scale(self) -> float:
        """Pixels of the square per pixel of the picture."""
        return float(self.affine[0, 0])

    def fitted(self, xy: FloatArray) -> Tensor:
        """Map positions (...,2) of the picture to pixels of the square, float64."""
        x, y = crops.apply(self.affine, xy[..., 0], xy[..., 1])
        return torch.from_numpy(np.stack([x, y], axis=-1)).to(self.features.device)


@dataclass(frozen=True)
class PoseMaps:
    """Affinity maps of Q poses onto one target frame.

    Refined maps are kept as logits: in single precision a sigmoid is 1 from 17 on, for all cells around a high peak.
    """

    scores: dict[str, Tensor]
    """(Q,17,h,w): the softmax S as siamese, the logits of C as refined; siamese alone where there is no refinement."""
    target: FittedFrame
    cells: Convention
    peak_position: PeakPosition = "cell"

    def whole(self, kind: str) -> Tensor:
        """Return the maps (Q,17,h,w), 0 to 1."""
        return _affinities(kind, self.scores[kind])

    def peaks(self, kind: str) -> tuple[FloatArray, FloatArray]:
        """Return where each map peaks, (Q,17,2) px of the picture, and its largest value, (Q,17) (5.1)."""
        cells, score = peaks(self.scores[kind])
        position = self._between_cells(kind, cells) if self.peak_position == "quadratic" else cells.float()
        fitted = pixel_of(position, self.cells).double().cpu().numpy()
        x, y = crops.apply(crops.invert(self.target.affine), fitted[..., 0], fitted[..., 1])
        return np.stack([x, y], axis=-1), _affinities(kind, score).double().cpu().numpy()

    def _between_cells(self, kind: str, cells: Tensor) -> Tensor:
        """Positions (Q,17,2) in cells near the peaks: C says which place it is, S, which was never halved, where."""
        siamese = self.scores["siamese"]
        positions = fractional_peaks(siamese.log(), peaks_near(siamese, cells))
        if kind == "siamese":
            return positions
        is_query = (siamese.amax(dim=(-2, -1)) > 0)[..., None]
        return torch.where(is_query, positions, fractional_peaks(self.scores[kind], cells))

    def sample(self, kind: str, xy: FloatArray) -> FloatArray:
        """Return the values (Q,P,17) of the maps at keypoints (P,17,2) of poses of the target frame (equation 6)."""
        outside = -math.inf if kind == "refined" else 0.0
        scores = sample(self.scores[kind], self.target.fitted(xy), self.cells, outside=outside)
        values: FloatArray = _affinities(kind, scores).double().cpu().numpy()
        return values


def _affinities(kind: str, scores: Tensor) -> Tensor:
    return scores.sigmoid() if kind == "refined" else scores


class CorrespondenceMaps:
    """The correspondence network applied to frames and poses, in batches of a fixed size."""

    def __init__(self, network: CorrespondenceNetwork, settings: MapSettings) -> None:
        self._network = prepare(network)
        self._settings = settings

    @torch.inference_mode()
    def fit(self, picture: Picture) -> FittedFrame:
        """Compute the features of a picture (H,W,3) RGB; needed once per frame."""
        size = self._settings.frame_size_px
        affine = crops.frame_affine(picture.shape[1], picture.shape[0], size_px=size)
        square = crops.crop_picture(picture, affine, crop_width=size, crop_height=size)
        image = crops.image_tensor(square, device=device())[None]
        with autocast(self._settings.precision):
            features = self._network.features(image.contiguous(memory_format=torch.channels_last))
        return FittedFrame(features.float(), affine)

    def maps(self, source: FittedFrame, target: FittedFrame, poses: FramePoses) -> PoseMaps:
        """Compute the maps of at least one pose, all of the frame `source`, onto `target`."""
        return self.maps_of_frames([source] * len(poses), target, poses.xy, poses.score)

    @torch.inference_mode()
    def maps_of_frames(
        self, sources: Sequence[FittedFrame], target: FittedFrame, xy: FloatArray, score: FloatArray
    ) -> PoseMaps:
        """Compute the maps of at least one pose, each of a frame of its own, onto `target`.

        A keypoint below `query_keypoint_threshold` is no query: its map S is zero, as in training, and the refinement
        can only infer it from the others.

        Args:
            sources: the frame of each of Q poses.
            target: the frame onto which they are mapped.
            xy: (Q,17,2) px of the original picture.
            score: (Q,17), 0 to 1.
        """
        query = torch.stack([source.fitted(pose) for source, pose in zip(sources, xy, strict=True)]) / FEATURE_STRIDE
        is_query = torch.from_numpy(score >= self._settings.query_keypoint_threshold).to(query.device)
        query = torch.where(is_query[..., None], query, torch.nan).flip(-1)
        size = self._settings.batch_size
        batches = [
            self._batch(sources[start : start + size], target, query[start : start + size])
            for start in range(0, len(query), size)
        ]
        maps = {kind: torch.cat([batch[kind] for batch in batches]) for kind in batches[0]}
        return PoseMaps(maps, target, self._network.cells, self._settings.peak_position)

    def _batch(self, sources: Sequence[FittedFrame], target: FittedFrame, query: Tensor) -> dict[str, Tensor]:
        features = sources[0].features
        if any(source is not sources[0] for source in sources):
            features = torch.cat([source.features for source in sources])
        if self._network.refinement is None:
            return {"siamese": self._network.affinity_maps(features, target.features, query)}
        with autocast(self._settings.precision):
            siamese, logits = self._network.affinity(features, target.features, query)
        return {"refined": logits.float(), "siamese": siamese.float()}
