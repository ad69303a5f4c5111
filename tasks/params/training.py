"""Sections of the training stages."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.section import Section

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Degrees = Annotated[float, Field(ge=0, le=180)]
NetworkSide = Annotated[int, Field(gt=0, multiple_of=32)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2)]


class TrainingSection(Section):
    """What every training has: length, batch, optimizer, schedule, validation, checkpoints."""

    epochs: Count
    """Zero leaves the network as it was initialised."""
    passes_per_epoch: AtLeastOne
    """Times that every sample is taken in one epoch; validation comes after each epoch."""
    micro_batches: AtLeastOne
    """Micro-batches of one step; the global batch is this times micro_batch_size, however many workers share it."""
    micro_batch_size: AtLeastOne
    """Samples whose batch-norm statistics are taken together."""
    workers: AtLeastOne
    """Processes that share the micro-batches, by Ray Train when more than one; must divide micro_batches."""
    threads: AtLeastOne
    """CPU threads of one such process."""
    learning_rate: Positive
    schedule: Literal["steps", "cosine"]
    drop_epochs: list[AtLeastOne]
    """Epochs after which the rate is multiplied by drop_factor (steps)."""
    drop_factor: Share
    """The same for `steps`; for `cosine` the share of the rate that is left at the end."""
    warmup_epochs: NotNegative
    """Linear rise of the rate from zero."""
    adam_beta2: Annotated[float, Field(gt=0, lt=1)]
    """Decay of AdamW's mean of squared gradients; 0.999 is usual, less forgets the first steps sooner."""
    weight_decay: NotNegative
    gradient_clip: NotNegative
    """Largest norm of the gradient; 0 does not clip."""
    precision: Literal["float32", "bfloat16"]
    """Of the forward pass, by autocast."""
    validation_samples: AtLeastOne
    """Held-out samples that are looked at after each epoch, drawn once by the seed."""
    keep: Literal["last", "best"]
    """Which weights the stage ends with: the last, or those with the best validation figure."""
    checkpoint_seconds: Positive
    """Time between checkpoints inside an epoch; one is kept after each epoch anyway."""


class PoseTrainingSection(TrainingSection):
    """What both trainings of the pose network share."""

    crop_height_px: NetworkSide
    crop_width_px: NetworkSide
    heatmap_sigma_px: Positive
    offset_radius_px: Positive
    """Offsets are supervised within this distance of the keypoint."""
    offset_weight: NotNegative
    """Weight of the offsets' L1 against the heatmaps' cross entropy."""
    flip_probability: Share
    rotation_degrees: Degrees
    scale_range: Range
    """Zoom of the crop, log-uniform; [1.0, 1.0] is the paper."""
    shift_share: Share
    """Shift of the crop, as a share of its sides; 0 is the paper."""
    brightness: Share
    """Photometric jitter, a share of the range; 0 is the paper."""


class PretrainParams(PoseTrainingSection):
    """The pose network on COCO (6.1)."""

    width: Positive
    """Multiplies every channel count; 1.0 is the paper's network."""
    stages: Literal[1, 2, 3]
    imagenet_weights: str | None
    """A BN-Inception ImageNet file for the backbones."""


class FinetuneParams(PoseTrainingSection):
    """The pose network on PoseTrack (6.1)."""


class PairTrainingSection(TrainingSection):
    """Pairs of pictures made from one (4.3): the second is a random warp of the first."""

    size_px: NetworkSide
    """Side of both pictures."""
    fit_px_range: Range
    """The whole picture is fitted into a square of this side, log-uniform; where it exceeds size_px, a part is cut."""
    translation_share: Share
    """Largest shift of the second picture against the first, as a share of size_px."""
    rotation_degrees: Degrees
    scale_range: Range
    """Zoom of the second against the first, log-uniform; [1.0, 1.0] is the paper."""
    flip_probability: Share
    """Mirrors the second picture; left stays left, for it is the same point."""
    truncation_probability: Share
    """A random rectangle of the second picture is blanked, and what it hides has no correspondence."""
    drop_keypoint_probability: Share
    """Each keypoint is left out with this probability."""
    brightness: Share
    """Photometric jitter of both pictures, a share of the range; 0 is the paper."""
    blur_px: NotNegative
    """Largest length of a random motion blur of either picture; 0 is the paper."""
    max_persons: AtLeastOne
    """Persons of one picture; where it shows more, some are drawn."""
    extra_points: Count
    """Random points around the persons, times 17, that are matched beside the keypoints; 0 is the paper."""
    deformation_slope: Annotated[float, Field(ge=0, lt=1)]
    """Largest slope of a random smooth deformation of the second picture (local turns, stretches); 0 is the paper."""
    other_background: Share
    """The persons of the second picture stand before another picture with this probability; 0 is the paper."""
    head_from_trunk: bool
    """Where no nose is labelled, nose and head_top are points over the trunk; false is the paper."""


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


class TrainRefinementParams(PairTrainingSection):
    """The refinement network, behind the frozen Siamese network (4.2)."""

    width: Positive
    map_gain: Positive
    """Multiplies the initial weights that read the maps S, whose values are small; 1 leaves them as they are drawn."""
    pass_through_initialisation: bool
    """Whether the first weights pass the maps S on, as the start of C; false leaves them as they are drawn."""
    positive_weight: Positive
    """Weight of the target's cell against the others in equation 5; 1 is the paper."""
    softmax_weight: NotNegative
    """Weight of the cross entropy of the softmax over the cells, added to equation 5; 0 is the paper."""


class TrainReidParams(TrainingSection):
    """The re-identification baseline of Table 2: identity and triplet loss, BNNeck (6.2)."""

    width: Positive
    embedding: AtLeastOne
    crop_height_px: NetworkSide
    crop_width_px: NetworkSide
    identities_per_batch: Annotated[int, Field(ge=2)]
    """Identities of one micro-batch; must divide micro_batch_size, at least 2 crops each."""
    label_smoothing: Share
    triplet_margin: NotNegative
    erasing_probability: Share
    flip_probability: Share
    shift_share: Share
    """Shift of the crop before it is cut, as a share of the box."""
