"""Person detectors of torchvision (ResNet-50, feature pyramid), built without a download and filled from a file.

Faster R-CNN gives boxes; Keypoint R-CNN gives boxes and COCO's 17 keypoints in one pass.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, KeypointRCNN, fasterrcnn_resnet50_fpn_v2
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from models.keypoints import KEYPOINT_COUNT
from models.weight_files import read_state_dict, require_same_tensors

COCO_CLASSES = 91
PERSON_CLASS = 1
_ONLY_IN_VERSION_2 = "backbone.fpn.inner_blocks.0.1.weight"
_COUNTER = ".num_batches_tracked"
"""Of training alone; files with and without it are about."""
_OLD_NAMES: Final = (
    (re.compile(r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$"), r"\1.0.\2"),
    (re.compile(r"^(rpn\.head\.conv)\.(weight|bias)$"), r"\1.0.0.\2"),
)
"""Layers that torchvision has renamed since its COCO_V1 files were published, and their names today."""
_EVEN_VALUE: Final = 2.0
"""Value of a keypoint's heatmap that gives the score 0.5. Our choice: above it Detectron draws the keypoint; a sigmoid
about 0 would give nearly every keypoint more than 0.99."""


class DetectedPersons(NamedTuple):
    """The persons of one image, best first: boxes (N,4) as x1, y1, x2, y2 in pixels, and scores (N,) in 0..1."""

    boxes_xyxy: Tensor
    scores: Tensor


class PosedPersons(NamedTuple):
    """The persons of one image with their keypoints in COCO's order, best first.

    Attributes:
        boxes_xyxy: (N,4) pixels.
        scores: (N,) of the boxes, 0 to 1.
        keypoints_xy: (N,17,2) pixels.
        keypoint_scores: (N,17), 0 to 1: the sigmoid of the heatmap's value at its peak less 2, which is not calibrated.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    keypoints_xy: Tensor
    keypoint_scores: Tensor


class PersonDetector(nn.Module):
    """Faster R-CNN over COCO's classes, of which only persons are kept; nothing is ever downloaded."""

    def __init__(self, *, classes: int = COCO_CLASSES, version: int = 1) -> None:
        super().__init__()
        self.network = (
            FasterRCNN(_backbone(), classes)
            if version == 1
            else fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=classes)
        )

    @torch.inference_mode()
    def detect_persons(self, images: Sequence[Tensor]) -> list[DetectedPersons]:
        """Detect persons in images (3,H,W) of any sizes, RGB in 0..1; scores are above torchvision's floor of 0.05."""
        return [_persons_among(detections) for detections in self.network(list(images))]


class KeypointDetector(nn.Module):
    """Keypoint R-CNN, whose only class is the person; nothing is ever downloaded."""

    def __init__(self) -> None:
        super().__init__()
        self.network = KeypointRCNN(_backbone(), 1 + PERSON_CLASS, num_keypoints=KEYPOINT_COUNT)

    @torch.inference_mode()
    def detect_persons(self, images: Sequence[Tensor]) -> list[PosedPersons]:
        """Detect persons and their keypoints in images (3,H,W) of any sizes, RGB in 0..1."""
        return [_posed(detections) for detections in self.network(list(images))]


def load_detector(path: str | Path) -> PersonDetector:
    """Build the person detector from torchvision's weights of fasterrcnn_resnet50_fpn or its version 2, in eval mode.

    Raises:
        WeightsError: the file cannot be read safely, or a tensor is missing, extra or misshapen.
    """
    tensors = read_state_dict(Path(path))
    detector = PersonDetector(version=2 if _ONLY_IN_VERSION_2 in tensors else 1)
    _fill(detector.network, tensors, Path(path))
    return detector.eval()


def load_keypoint_detector(path: str | Path) -> KeypointDetector:
    """Build the keypoint detector from torchvision's weights of keypointrcnn_resnet50_fpn, in eval mode.

    Raises:
        WeightsError: the file cannot be read safely, or a tensor is missing, extra or misshapen.
    """
    detector, tensors = KeypointDetector(), read_state_dict(Path(path))
    _fill(detector.network, tensors, Path(path))
    return detector.eval()


def _backbone() -> nn.Module:
    """Backbone with frozen normalisation without epsilon, as torchvision runs its COCO_V1 weights."""
    backbone: nn.Module = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d)
    for module in backbone.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0
    return backbone


def _fill(network: Any, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = network.state_dict()
    counters = {name: expected[name] for name in expected if name.endswith(_COUNTER)}
    tensors = counters | {_renamed(name): tensor for name, tensor in tensors.items() if not name.endswith(_COUNTER)}
    require_same_tensors(path, expected=expected, tensors=tensors)
    network.load_state_dict(tensors)


def _renamed(name: str) -> str:
    for old, new in _OLD_NAMES:
        name = old.sub(new, name)
    return name


def _persons_among(detections: Mapping[str, Tensor]) -> DetectedPersons:
    is_person = detections["labels"] == PERSON_CLASS
    return DetectedPersons(detections["boxes"][is_person], detections["scores"][is_person])


def _posed(detections: Mapping[str, Tensor]) -> PosedPersons:
    keypoints = detections["keypoints"].reshape(-1, KEYPOINT_COUNT, 3)
    values = detections["keypoints_scores"].reshape(-1, KEYPOINT_COUNT)
    return PosedPersons(detections["boxes"], detections["scores"], keypoints[..., :2], (values - _EVEN_VALUE).sigmoid())
