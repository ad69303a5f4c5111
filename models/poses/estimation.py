"""Poses in person boxes: crop, pose network, decode, back to the picture (6.1, A.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from models.arrays import FloatArray, Picture
from models.fields.heatmap import decode_heatmap
from models.keypoints import KEYPOINT_COUNT, POSETRACK_KEYPOINTS, flip_order
from models.networks.inference import Precision, autocast, device, prepare
from models.networks.pose import PoseNetwork
from models.poses import crops
from models.poses.frame_poses import EstimatedPoses


class EstimationSettings(Protocol):
    """How poses are estimated; the section `estimate` of the params has these keys."""

    @property
    def crop_width_px(self) -> int:
        """Width of the crops, which the longer side of a box spans."""

    @property
    def crop_height_px(self) -> int:
        """Height of the crops."""

    @property
    def batch_size(self) -> int:
        """Crops per batch."""

    @property
    def flip_test(self) -> bool:
        """Whether heatmaps are averaged with those of the mirrored crops."""

    @property
    def flip_about(self) -> crops.MirrorAxis:
        """What the mirror of the flip test leaves in its place: the grid of the cells, or that of the pixels."""

    @property
    def output_stage(self) -> int:
        """Stage of the pose network whose output is decoded; negative ones count from the last."""

    @property
    def precision(self) -> Precision:
        """Precision of the convolutions."""


@dataclass(frozen=True)
class PersonCrop:
    """A person box cut out of its picture."""

    pixels: Picture
    """(H,W,3) RGB."""
    affine: FloatArray
    """(2,3), picture to crop."""


class PoseEstimator:
    """The pose network applied to crops, in batches of a fixed size."""

    def __init__(self, network: PoseNetwork, settings: EstimationSettings) -> None:
        self._network = prepare(network)
        self._settings = settings
        self._stage = range(len(network.stages))[settings.output_stage]
        self._mirrored = torch.as_tensor(flip_order(POSETRACK_KEYPOINTS), device=device())

    def crop(self, picture: Picture, box_xywh: Sequence[float] | FloatArray) -> PersonCrop:
        """Cut a box out of a picture (H,W,3), its longer side spanning the crop's width (6.1)."""
        size = {"crop_width": self._settings.crop_width_px, "crop_height": self._settings.crop_height_px}
        affine = crops.crop_affine(np.asarray(box_xywh, dtype=np.float64), **size)
        return PersonCrop(crops.crop_picture(picture, affine, **size), affine)

    def estimate(self, persons: Iterable[PersonCrop]) -> EstimatedPoses:
        """Estimate the poses of the crops in their order; one batch is in memory, and the last may be smaller."""
        waiting = iter(persons)
        batches = []
        while persons_of_batch := list(islice(waiting, self._settings.batch_size)):
            batches.append(self._batch(persons_of_batch))
        if not batches:
            empty = np.zeros((0, KEYPOINT_COUNT, 2))
            return EstimatedPoses(empty, empty[..., 0])
        arrays = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return EstimatedPoses(*(values.astype(np.float32).astype(np.float64) for values in arrays))

    def _batch(self, persons: Sequence[PersonCrop]) -> tuple[FloatArray, FloatArray]:
        heatmaps, offset_maps = self._fields(np.stack([person.pixels for person in persons]))
        xy, score = decode_heatmap(heatmaps, offset_maps)
        in_crop = xy.double().cpu().numpy()
        back = crops.invert(np.stack([person.affine for person in persons]))
        in_picture = crops.apply(back, in_crop[..., 0], in_crop[..., 1])
        return np.stack(in_picture, axis=-1), score.double().cpu().numpy()

    @torch.inference_mode()
    def _fields(self, pixels: Picture) -> tuple[Tensor, Tensor]:
        """Return heatmaps (B,17,h,w), 0 to 1, averaged with those of the mirrored crops, and offset maps (B,34,h,w).

        Both passes are one batch; offsets are those of the plain crops.
        """
        images = crops.image_tensor(pixels, device=device())
        if self._settings.flip_test:
            batch = torch.cat([images, crops.mirror(images, self._settings.flip_about)])
        else:
            batch = images
        with autocast(self._settings.precision):
            output = self._network(batch.contiguous(memory_format=torch.channels_last), last_stage=self._stage)[-1]
        plain, mirrored = output.float().split([len(images), len(batch) - len(images)])
        heatmaps = plain[:, :KEYPOINT_COUNT].sigmoid()
        if self._settings.flip_test:
            heatmaps = (heatmaps + mirrored[:, :KEYPOINT_COUNT].sigmoid().flip(-1)[:, self._mirrored]) / 2
        return heatmaps, plain[:, KEYPOINT_COUNT:]
