"""Poses in person boxes: crop, pose network, decode, back to the picture (6.1, A.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.arrays import FloatArray, Picture
from models.fields.heatmap import decode_heatmap
from models.keypoints import KEYPOINT_COUNT, POSETRACK_KEYPOINTS, flip_order
from models.networks.pose import PoseNetwork, load_pose
from models.poses import crops
from models.poses.frame_poses import body_score
from tasks.errors import InputError
from tasks.inference.networks import autocast, device, loaded, prepare, trained_params
from tasks.params.estimate import EstimateParams


@dataclass(frozen=True)
class PersonCrop:
    """A person box cut out of its picture."""

    pixels: Picture
    """(H,W,3) RGB."""
    affine: FloatArray
    """(2,3), picture to crop."""


@dataclass(frozen=True)
class EstimatedPoses:
    """N poses in picture coordinates, rounded to float32, so that a table gives the same numbers back."""

    xy: FloatArray
    """(N,17,2)."""
    score: FloatArray
    """(N,17), 0 to 1."""

    @property
    def pose_score(self) -> FloatArray:
        """Mean score of the 15 body keypoints, (N,)."""
        return body_score(self.score)


def _stage(stages: int, output_stage: int) -> int:
    if not -stages <= output_stage < stages:
        raise InputError(
            f"estimate.output_stage must be a stage of the weights, which have {stages} stages, got {output_stage}"
        )
    return output_stage % stages


class PoseEstimator:
    """The pose network over crops, in batches of a fixed size.

    Attributes:
        notices: what the user should know of the network, one sentence each.
    """

    def __init__(self, network: PoseNetwork, params: EstimateParams, notices: Sequence[str] = ()) -> None:
        self.notices = tuple(notices)
        self._network = prepare(network)
        self._params = params
        self._stage = _stage(len(network.stages), params.output_stage)
        self._mirrored = torch.as_tensor(flip_order(POSETRACK_KEYPOINTS), device=device())

    def crop(self, picture: Picture, box_xywh: Sequence[float] | FloatArray) -> PersonCrop:
        """Cut a box out of a picture (H,W,3), its longer side spanning the crop's width (FACTS 4.2)."""
        size = {"crop_width": self._params.crop_width_px, "crop_height": self._params.crop_height_px}
        affine = crops.crop_affine(np.asarray(box_xywh, dtype=np.float64), **size)
        return PersonCrop(crops.crop_picture(picture, affine, **size), affine)

    def estimate(self, persons: Iterable[PersonCrop]) -> EstimatedPoses:
        """Poses of the crops in their order; the last batch may be smaller, and no more than one is in memory."""
        waiting = iter(persons)
        batches = []
        while persons_of_batch := list(islice(waiting, self._params.batch_size)):
            batches.append(self._batch(persons_of_batch))
        if not batches:
            empty = np.zeros((0, KEYPOINT_COUNT, 2))
            return EstimatedPoses(empty, empty[..., 0])
        joined = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return EstimatedPoses(*(values.astype(np.float32).astype(np.float64) for values in joined))

    def _batch(self, persons: Sequence[PersonCrop]) -> tuple[FloatArray, FloatArray]:
        heatmaps, offset_maps = self._fields(np.stack([person.pixels for person in persons]))
        xy, score = decode_heatmap(heatmaps, offset_maps)
        in_crop = xy.double().cpu().numpy()
        back = crops.invert(np.stack([person.affine for person in persons]))
        in_picture = crops.apply(back, in_crop[..., 0], in_crop[..., 1])
        return np.stack(in_picture, axis=-1), score.double().cpu().numpy()

    @torch.inference_mode()
    def _fields(self, pixels: Picture) -> tuple[Tensor, Tensor]:
        """Heatmaps (B,17,h,w) in 0..1, averaged over the mirrored crops, and the offset maps (B,34,h,w) of the others.

        The two passes are one batch. Heatmaps are mirrored back without a shift, as in the released code.
        """
        images = crops.image_tensor(pixels, device=device())
        batch = torch.cat([images, images.flip(-1)]) if self._params.flip_test else images
        with autocast(self._params.precision):
            output = self._network(batch.contiguous(memory_format=torch.channels_last), last_stage=self._stage)[-1]
        plain, mirrored = output.float().split([len(images), len(batch) - len(images)])
        heatmaps = plain[:, :KEYPOINT_COUNT].sigmoid()
        if self._params.flip_test:
            heatmaps = (heatmaps + mirrored[:, :KEYPOINT_COUNT].sigmoid().flip(-1)[:, self._mirrored]) / 2
        return heatmaps, plain[:, KEYPOINT_COUNT:]


def load_estimator(weights: Path, params: EstimateParams) -> PoseEstimator:
    """The pose network of a weight file, with a notice when it was trained with crops of another size.

    Raises:
        InputError: the file is not there, holds no pose network, or lacks the stage that is asked for.
    """
    trained = trained_params(weights, "pose")
    notices = [
        f"estimate.{name} is {getattr(params, name)}, but the pose network was trained with {trained[name]}: "
        "expect poorer poses"
        for name in ("crop_width_px", "crop_height_px")
        if name in trained and trained[name] != getattr(params, name)
    ]
    return PoseEstimator(loaded(load_pose, weights), params, notices)
