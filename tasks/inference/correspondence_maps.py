"""Affinity maps of all poses of a frame onto another: each frame's features once, each map once (4.1, 4.2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import FloatArray, Picture
from models.fields.affinity_map import Convention, peaks, pixel_of, sample
from models.networks.backbone import FEATURE_STRIDE
from models.networks.correspondence import CorrespondenceNetwork
from models.poses import crops
from models.poses.frame_poses import FramePoses
from tasks.inference.networks import autocast, device, prepare
from tasks.params.recover import RecoverParams


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
        """Positions (...,2) of the picture in pixels of the square, float64."""
        x, y = crops.apply(self.affine, xy[..., 0], xy[..., 1])
        return torch.from_numpy(np.stack([x, y], axis=-1)).to(self.features.device)


@dataclass(frozen=True)
class PoseMaps:
    """Affinity maps of Q poses onto one target frame.

    Refined maps are kept as logits: a sigmoid in single precision is 1 from 17 on, for all cells around a sure peak.
    """

    scores: dict[str, Tensor]
    """(Q,17,h,w): siamese the shares S, refined the logits of C; siamese alone where the network has no refinement."""
    target: FittedFrame
    cells: Convention

    def whole(self, kind: str) -> Tensor:
        """The maps (Q,17,h,w), 0 to 1."""
        return _affinities(kind, self.scores[kind])

    def peaks(self, kind: str) -> tuple[FloatArray, FloatArray]:
        """Where each map is largest, (Q,17,2) x, y in pixels of the picture, and how large, (Q,17) (5.1)."""
        cells, score = peaks(self.scores[kind])
        fitted = pixel_of(cells, self.cells).double().cpu().numpy()
        x, y = crops.apply(crops.invert(self.target.affine), fitted[..., 0], fitted[..., 1])
        return np.stack([x, y], axis=-1), _affinities(kind, score).double().cpu().numpy()

    def sample(self, kind: str, xy: FloatArray) -> FloatArray:
        """Values (Q,P,17) of the maps at the keypoints (P,17,2) of P poses of the target frame (equation 6)."""
        outside = -math.inf if kind == "refined" else 0.0
        scores = sample(self.scores[kind], self.target.fitted(xy), self.cells, outside=outside)
        values: FloatArray = _affinities(kind, scores).double().cpu().numpy()
        return values


def _affinities(kind: str, scores: Tensor) -> Tensor:
    return scores.sigmoid() if kind == "refined" else scores


class CorrespondenceMaps:
    """The correspondence network over frames and poses, persons in batches of a fixed size."""

    def __init__(self, network: CorrespondenceNetwork, params: RecoverParams) -> None:
        self._network = prepare(network)
        self._params = params

    @torch.inference_mode()
    def fit(self, picture: Picture) -> FittedFrame:
        """Features of a picture (H,W,3) RGB; needed once per frame."""
        size = self._params.frame_size_px
        affine = crops.frame_affine(picture.shape[1], picture.shape[0], size_px=size)
        square = crops.crop_picture(picture, affine, crop_width=size, crop_height=size)
        image = crops.image_tensor(square, device=device())[None]
        with autocast(self._params.precision):
            features = self._network.features(image.contiguous(memory_format=torch.channels_last))
        return FittedFrame(features.float(), affine)

    def maps(self, source: FittedFrame, target: FittedFrame, poses: FramePoses) -> PoseMaps:
        """Maps of at least one pose, all found in `source`, onto `target`."""
        return self.maps_of_frames([source] * len(poses), target, poses.xy, poses.score)

    @torch.inference_mode()
    def maps_of_frames(
        self, sources: Sequence[FittedFrame], target: FittedFrame, xy: FloatArray, score: FloatArray
    ) -> PoseMaps:
        """Maps of at least one pose, each found in a frame of its own, onto `target`.

        A keypoint below `query_keypoint_threshold` is no query: its map S is zero, as in training, and the refinement
        may only guess it from the others.

        Args:
            sources: the frame of each of Q poses.
            target: the frame they are carried to.
            xy: (Q,17,2) px of the original picture.
            score: (Q,17).
        """
        query = torch.stack([source.fitted(own) for source, own in zip(sources, xy, strict=True)]) / FEATURE_STRIDE
        found = torch.from_numpy(score >= self._params.query_keypoint_threshold).to(query.device)
        query = torch.where(found[..., None], query, torch.nan).flip(-1)
        size = self._params.batch_size
        batches = [
            self._batch(sources[start : start + size], target, query[start : start + size])
            for start in range(0, len(query), size)
        ]
        joined = {kind: torch.cat([batch[kind] for batch in batches]) for kind in batches[0]}
        return PoseMaps(joined, target, self._network.cells)

    def _batch(self, sources: Sequence[FittedFrame], target: FittedFrame, query: Tensor) -> dict[str, Tensor]:
        features = sources[0].features
        if any(source is not sources[0] for source in sources):
            features = torch.cat([source.features for source in sources])
        if self._network.refinement is None:
            return {"siamese": self._network.affinity_maps(features, target.features, query)}
        with autocast(self._params.precision):
            siamese, logits = self._network.affinity(features, target.features, query)
        return {"refined": logits.float(), "siamese": siamese.float()}
