"""Section of the stage `finetune`."""

from tasks.params.pose_training import PoseTrainingSection


class FinetuneParams(PoseTrainingSection):
    """The pose network on PoseTrack (6.1)."""
