"""Sections of the stages from boxes to tracks."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.section import Section

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class DetectParams(Section):
    """Person boxes."""

    splits: list[Literal["train", "val"]]
    """Splits of the corpus that are tracked; thresholds are chosen on train, scores are told of val."""
    box_sources: list[Literal["detected", "annotated"]]
    source: Literal["file", "network"]
    """Boxes from data/posetrack/detections, or from a Faster R-CNN of torchvision."""
    network_weights: str | None
    """Weight file of that detector; required when source is network."""
    score_threshold: Share
    """Boxes below it are kept as dropped."""


class EstimateParams(Section):
    """Poses in boxes (6.1, A.1)."""

    crop_width_px: int = Field(gt=0, multiple_of=32)
    crop_height_px: int = Field(gt=0, multiple_of=32)
    """Size of a person's crop, that of the pose network's training."""
    batch_size: int = Field(ge=1)
    """Crops of one batch, twice as many with the flip test."""
    flip_test: bool
    """Average each crop's heatmaps with those of its mirror image."""
    output_stage: int
    """Stage of the pose network that is read; -1 is the last."""
    precision: Literal["float32", "bfloat16", "float16"]
    nms_oks: Share
    """A pose is dropped when its OKS to a better one exceeds this."""
    nms_keypoint_threshold: Share
    """Keypoints below it take no part in that OKS."""
    shard_frames: int = Field(ge=1)
    """Frames of one shard; long videos are cut into several."""


class RecoverParams(Section):
    """Missed poses, affinities and correspondences (5.1); the section `estimate` tells how poses are re-estimated."""

    frame_size_px: int = Field(gt=0, multiple_of=32)
    """Side of the square into which a frame is fitted for the correspondence network."""
    maps: Literal["refined", "siamese"]
    """Maps whose peaks carry a pose on."""
    max_gap_frames: int = Field(ge=1)
    """Affinities and correspondences are computed from frames f-1 .. f-max_gap_frames."""
    max_chain_frames: Count
    """Recovered poses carry on this many times; 0 is the paper."""
    backward: bool
    """Recover from f+1 as well."""
    query_keypoint_threshold: Share
    """Keypoints of the source below it are no queries: their map S is zero, and they are not carried on."""
    corr_threshold: Share
    """Peaks of C below it are not confident."""
    corr_threshold_siamese: Share
    """The same for S."""
    min_keypoints: int = Field(ge=1)
    """Confident correspondences that a box needs."""
    min_pose_keypoints: int = Field(ge=1)
    """Keypoints of the re-estimated pose at nms_keypoint_threshold or better that it needs."""
    box_margin_px: float = Field(ge=0)
    """Margin around them, in pixels of the fitted frame."""
    nms_oks: Share
    nms_keypoint_threshold: Share
    batch_size: int = Field(ge=1)
    """Persons that the refinement network takes at once."""
    precision: Literal["float32", "bfloat16", "float16"]


class TrackParams(Section):
    """Association (5.2, A.3)."""

    mode: Literal["paper", "propagated", "released"]
    """Equation 6; the OKS of poses propagated by correspondences, for inaccurate keypoints; or the scripts' rule."""
    assignment: Literal["greedy", "hungarian"]
    maps: Literal["refined", "siamese"]
    tau_corr: Share
    """Threshold of equation 6 on C."""
    tau_corr_siamese: Share
    """The same on S, whose peaks are lower."""
    min_similarity: Share
    """A pair below it is not associated."""
    query_keypoint_threshold: Share
    """Keypoints below it take no part in equation 6."""
    output_keypoint_threshold: Share
    """Keypoints below it are left out of exported and scored tracks; the table keeps them all."""
    min_track_frames: int = Field(ge=1)
    """Shorter tracks are left out."""
    max_lost_frames: Count
    """Frames that a track may miss and still go on; at most recover.max_gap_frames - 1."""
    duplicate_removal: bool
    """Whether a second pose of a tracked person starts no track (A.3)."""
    duplicate_oks: Share
    """Its OKS with the correspondence pose of that person's track exceeds this."""
    duplicate_ratio: Annotated[float, Field(ge=0, le=2)]
    """And its similarity to that track is at least this share of the matched pose's (released: sum of two ratios)."""
    min_keypoints: int = Field(ge=1)
    """Keypoints that the OKS of a correspondence pose needs; with fewer it is 0."""
    released_oks_threshold: Share
    """Mode released: least OKS of a match."""
    released_box_margin_px: float = Field(ge=0)
    """Mode released: margin of the box in which correspondences count for a pose."""


class MergeParams(Section):
    """Track merging (A.4, equation 8); the section `recover` tells how correspondences are computed."""

    enabled: bool
    max_gap_frames: int = Field(ge=1)
    """Frames between the end of one track and the start of the other."""
    similarity_threshold: Share
    corr_threshold: Share
    """Keypoints with a lower peak take no part in the OKS."""
    min_keypoints: int = Field(ge=1)
    """With fewer of them the OKS is 0."""
