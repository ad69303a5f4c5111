"""Section of the stage `detect`."""

from typing import Literal

from tasks.params.section import AtLeastOne, Section, Share


class DetectParams(Section):
    """Person boxes."""

    splits: list[Literal["train", "val", "test"]]
    """Splits of the corpus that are tracked; thresholds are chosen on train, scores are reported for val."""
    box_sources: list[Literal["detected", "annotated"]]
    source: Literal["file", "poses", "torchvision", "network"]
    """Boxes from data/posetrack/detections, around the poses in data/poses, by torchvision's Keypoint R-CNN
    (which gives keypoints too) or Faster R-CNN."""
    network_weights: str | None
    """Weight file of that network; required when source is network. Null: the public ones of torchvision."""
    score_threshold: Share
    """Boxes below it are kept as dropped; those around poses have a threshold of their own."""
    pose_score_threshold: Share
    """Poses of files whose person has a lower score are kept as dropped; one without score is never dropped."""
    shard_frames: AtLeastOne
    """Frames of one shard of a detector's work; long videos are cut into several. It changes no result."""
