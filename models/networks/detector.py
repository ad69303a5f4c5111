"""The person detector: torchvision's Faster R-CNN (ResNet-50, feature pyramid), weights from the user's own file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection import fasterrcnn_resnet50_fpn

from models.weight_files import read_state_dict, require_same_tensors

COCO_CLASSES = 91
PERSON_CLASS = 1


class DetectedPersons(NamedTuple):
    """The persons of one image, best first: boxes (N,4) as x1, y1, x2, y2 in pixels, and scores (N,) in 0..1."""

    boxes_xyxy: Tensor
    scores: Tensor


class PersonDetector(nn.Module):
    """Faster R-CNN over COCO's classes, of which only persons are kept; nothing is ever downloaded."""

    def __init__(self, *, classes: int = COCO_CLASSES) -> None:
        super().__init__()
        self.network = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=classes)

    @torch.inference_mode()
    def detect_persons(self, images: Sequence[Tensor]) -> list[DetectedPersons]:
        """Detect persons in images (3,H,W) of any sizes, RGB in 0..1; scores are above torchvision's floor of 0.05."""
        return [_persons_among(detections) for detections in self.network(list(images))]


def _persons_among(detections: dict[str, Tensor]) -> DetectedPersons:
    is_person = detections["labels"] == PERSON_CLASS
    return DetectedPersons(detections["boxes"][is_person], detections["scores"][is_person])


def load_detector(path: str | Path) -> PersonDetector:
    """Build the person detector from a file of torchvision's fasterrcnn_resnet50_fpn weights, in eval mode.

    Raises:
        WeightsError: the file cannot be read safely, or a tensor is missing, extra or misshapen.
    """
    detector, tensors = PersonDetector(), read_state_dict(Path(path))
    require_same_tensors(Path(path), expected=detector.network.state_dict(), tensors=tensors)
    detector.network.load_state_dict(tensors)
    return detector.eval()
