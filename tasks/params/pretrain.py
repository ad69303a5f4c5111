"""Section of the stage `pretrain`."""

from typing import Literal

from tasks.params.pose_training import PoseTrainingSection
from tasks.params.section import Positive


class PretrainParams(PoseTrainingSection):
    """The pose network on COCO (6.1)."""

    width: Positive
    """Multiplies every channel count; 1.0 is the paper's network."""
    stages: Literal[1, 2, 3]
    keypoint_channels: Literal["coco", "posetrack"]
    """What channels 1 and 2 find: COCO's eyes, so that finetuning starts them afresh, or PoseTrack's head_bottom and
    head_top, which COCO does not label, so that finetuning goes on with them as they started."""
    imagenet_weights: str | None
    """A BN-Inception ImageNet file for the backbones."""
