"""Poses and affinities of one clip in the course of the released scripts, by the same networks; for comparison only."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from models.arrays import FloatArray, Picture
from models.fields.affinity_map import peaks, pixel_of, sample
from models.fields.heatmap import decode_heatmap
from models.keypoints import KEYPOINT_COUNT, POSETRACK_KEYPOINTS, flip_order
from models.networks.backbone import FEATURE_STRIDE
from models.networks.correspondence import load_correspondence
from models.networks.pose import load_pose
from models.poses import crops
from models.poses.boxes import extent_xyxy, grow, xyxy_to_xywh

CROP_WIDTH, CROP_HEIGHT = 288, 384
_MARGIN_PX = 10.0
DECODED_STAGE = 1


class PlainScript:
    """Networks as they are loaded, one picture, one person and one map of a keypoint after the other.

    Args:
        models: folder of the weight files of the networks pose, with three stages, and correspondence.
        frame_size_px: side of the square into which a frame is fitted.
    """

    def __init__(self, models: Path, frame_size_px: int) -> None:
        self._pose = load_pose(models / "pose.safetensors")
        self._network = load_correspondence(models / "correspondence.safetensors")
        self._size = frame_size_px
        self._mirrored = list(flip_order(POSETRACK_KEYPOINTS))

    @torch.inference_mode()
    def track(self, pictures: Sequence[Path], boxes_xywh: Sequence[FloatArray]) -> tuple[list[FloatArray], FloatArray]:
        """Keypoints (P,17,2) of each frame, and affinities (T-1,P,P,17) of the poses of neighbouring frames."""
        poses = [
            np.concatenate([self._keypoints(read(path), box) for box in boxes])
            for path, boxes in zip(pictures, boxes_xywh, strict=True)
        ]
        self._recover(pictures, poses)
        return poses, self._affinities(pictures, poses)

    def _keypoints(self, picture: Picture, box_xywh: FloatArray) -> FloatArray:
        """The pose (1,17,2) in a box: all three stages, of which the second counts, for the crop and for its mirror."""
        affine = crops.crop_affine(box_xywh, crop_width=CROP_WIDTH, crop_height=CROP_HEIGHT)
        crop = crops.crop_picture(picture, affine, crop_width=CROP_WIDTH, crop_height=CROP_HEIGHT)
        image = crops.image_tensor(crop[None])
        plain = self._pose(image)[DECODED_STAGE]
        mirrored = self._pose(crops.mirror(image, "cells"))[DECODED_STAGE][:, :KEYPOINT_COUNT].sigmoid()
        heatmaps = (plain[:, :KEYPOINT_COUNT].sigmoid() + mirrored.flip(-1)[:, self._mirrored]) / 2
        xy = decode_heatmap(heatmaps, plain[:, KEYPOINT_COUNT:])[0].double().numpy()
        return np.stack(crops.apply(crops.invert(affine), xy[..., 0], xy[..., 1]), axis=-1)

    def _recover(self, pictures: Sequence[Path], poses: Sequence[FloatArray]) -> None:
        """Propagate every pose to the next frame and estimate it anew there; nothing comes of it in this clip."""
        fitted = [self._fitted(read(path)) for path in pictures]
        for index in range(1, len(pictures)):
            picture = read(pictures[index])
            for pose in poses[index - 1]:
                cells, _ = peaks(self._maps(fitted[index - 1], fitted[index], pose))
                x, y = crops.apply(
                    crops.invert(fitted[index][1]), *pixel_of(cells, "floor").double().numpy().transpose(2, 0, 1)
                )
                extent = grow(extent_xyxy(x, y, np.ones_like(x, dtype=np.bool_)), _MARGIN_PX)
                self._keypoints(picture, xyxy_to_xywh(extent)[0])

    def _affinities(self, pictures: Sequence[Path], poses: Sequence[FloatArray]) -> FloatArray:
        """The features and maps again, read at the poses of the next frame (equation 6)."""
        fitted = [self._fitted(read(path)) for path in pictures]
        values = [
            [
                sample(
                    self._maps(fitted[index - 1], fitted[index], pose).sigmoid(),
                    torch.from_numpy(_moved(fitted[index][1], poses[index])),
                ).numpy()[0]
                for pose in poses[index - 1]
            ]
            for index in range(1, len(pictures))
        ]
        return np.array(values)

    def _fitted(self, picture: Picture) -> tuple[Tensor, FloatArray]:
        """Features of a frame fitted into a square, and how it was fitted."""
        affine = crops.frame_affine(picture.shape[1], picture.shape[0], size_px=self._size)
        square = crops.crop_picture(picture, affine, crop_width=self._size, crop_height=self._size)
        return self._network.features(crops.image_tensor(square[None])), affine

    def _maps(self, source: tuple[Tensor, FloatArray], target: tuple[Tensor, FloatArray], pose: FloatArray) -> Tensor:
        """Logits (1,17,h,w) of the refined maps of one person, those before it by a convolution for each keypoint."""
        cells_yx = torch.from_numpy(_moved(source[1], pose)[None] / FEATURE_STRIDE).flip(-1)
        single = [
            self._network.affinity_maps(source[0], target[0], cells_yx[:, keypoint : keypoint + 1])
            for keypoint in range(KEYPOINT_COUNT)
        ]
        refinement = self._network.refinement
        if refinement is None:
            raise ValueError("expected a network with refinement")
        logits: Tensor = refinement(source[0], target[0], torch.cat(single, dim=1))
        return logits


def read(path: Path) -> Picture:
    """Decode a picture, as the released scripts do for each crop."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def _moved(affine: FloatArray, xy: FloatArray) -> FloatArray:
    return np.stack(crops.apply(affine, xy[..., 0], xy[..., 1]), axis=-1)
