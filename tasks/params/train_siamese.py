"""Section of the stage `train_siamese`."""

from typing import Literal

from tasks.params.pair_training import PairTrainingSection
from tasks.params.section import Count, Positive


class TrainSiameseParams(PairTrainingSection):
    """The Siamese network (4.1)."""

    source: Literal["coco", "coco_then_posetrack", "posetrack"]
    """Pictures it is trained on (6.1 compares them)."""
    width: Positive
    norm: Literal["l2", "squared"]
    """How features are normalised; l2 is the paper, squared fits the released weights."""
    cells: Literal["floor", "released"]
    """How pixels become feature cells."""
    loss: Literal["binary", "softmax"]
    """Binary cross entropy on S (eq. 4), or cross entropy of the softmax over the cells."""
    affinity_gain: Positive
    """Multiplies the affinities A in training when the loss is softmax; 1 is the paper."""
    negative_pictures: Count
    """Other pictures of the micro-batch whose cells are wrong answers too, when the loss is softmax; 0 is the paper."""
    imagenet_weights: str | None
    """A BN-Inception ImageNet file for the backbone."""
