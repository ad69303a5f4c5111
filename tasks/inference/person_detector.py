"""The person detectors at work."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from models.keypoints import COCO_KEYPOINTS
from models.networks.detector import load_detector, load_keypoint_detector
from models.networks.inference import device
from models.poses.boxes import xyxy_to_xywh
from models.poses.crops import image_tensor
from tasks.formats.pose_files.posetrack_keypoints import posetrack_keypoints
from tasks.frames import VideoFrames
from tasks.inference.network_poses import PosedBox
from tasks.inference.networks import loaded
from tasks.inference.person_boxes import PersonBox
from tasks.read_ahead import read_ahead


class BoxDetector:
    """Person boxes of the frames of a video, one frame at a time.

    Args:
        weights: file of torchvision's Faster R-CNN.
    """

    def __init__(self, weights: Path) -> None:
        self._network = loaded(load_detector, weights).to(device())

    def boxes(self, frames: VideoFrames, wanted: Sequence[int]) -> Iterator[PersonBox]:
        """Boxes of the wanted frames, best first in each, with the detector's scores."""
        for frame_index, picture in read_ahead(frames.read(wanted)):
            image = image_tensor(picture, device=device())
            [detections] = self._network.detect_persons([image])
            yield from _boxes(frame_index, detections.boxes_xyxy, detections.scores)


class PosedBoxDetector:
    """Person boxes with keypoints of the frames of a video, one frame at a time.

    Args:
        weights: file of torchvision's Keypoint R-CNN.
    """

    def __init__(self, weights: Path) -> None:
        self._network = loaded(load_keypoint_detector, weights).to(device())

    def posed_boxes(self, frames: VideoFrames, wanted: Sequence[int]) -> Iterator[PosedBox]:
        """Boxes of the wanted frames, best first in each, with keypoints as those of poses from files are mapped."""
        for frame_index, picture in read_ahead(frames.read(wanted)):
            image = image_tensor(picture, device=device())
            [persons] = self._network.detect_persons([image])
            of_coco = torch.cat([persons.keypoints_xy, persons.keypoint_scores[..., None]], dim=-1)
            keypoints = posetrack_keypoints(COCO_KEYPOINTS, of_coco.double().cpu().numpy())
            for box, points in zip(_boxes(frame_index, persons.boxes_xyxy, persons.scores), keypoints, strict=True):
                yield PosedBox(box, points)


def _boxes(frame_index: int, boxes_xyxy: torch.Tensor, scores: torch.Tensor) -> Iterator[PersonBox]:
    boxes_xywh = xyxy_to_xywh(boxes_xyxy.double().cpu().numpy())
    for box_xywh, score in zip(boxes_xywh.tolist(), scores.tolist(), strict=True):
        yield PersonBox(frame_index, tuple(box_xywh), score)
