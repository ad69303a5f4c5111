"""Section of the stage `finetune`."""

from tasks.params.pose_training import PoseTrainingSection


class FinetuneParams(PoseTrainingSection):
    """The pose network on PoseTrack (6.1)."""

    coco_persons: bool
    """Whether each epoch also takes the COCO persons, against forgetting; false is the paper."""
