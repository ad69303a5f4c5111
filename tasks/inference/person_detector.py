"""The person detector at work."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from models.networks.detector import load_detector
from models.networks.inference import device
from models.poses.boxes import xyxy_to_xywh
from models.poses.crops import image_tensor
from tasks.frames import VideoFrames
from tasks.inference.networks import loaded
from tasks.inference.person_boxes import PersonBox


class BoxDetector:
    """Person boxes of the frames of a video, one frame at a time.

    Args:
        weights: file of torchvision's Faster R-CNN.
    """

    def __init__(self, weights: Path) -> None:
        self._network = loaded(load_detector, weights).to(device())

    def boxes(self, frames: VideoFrames, wanted: Sequence[int]) -> Iterator[PersonBox]:
        """Boxes of the wanted frames, best first in each, with the detector's scores."""
        for frame_index, picture in frames.read(wanted):
            image = image_tensor(picture, device=device())
            [detections] = self._network.detect_persons([image])
            boxes_xywh = xyxy_to_xywh(detections.boxes_xyxy.double().cpu().numpy())
            for box_xywh, score in zip(boxes_xywh.tolist(), detections.scores.tolist(), strict=True):
                yield PersonBox(frame_index, tuple(box_xywh), score)
