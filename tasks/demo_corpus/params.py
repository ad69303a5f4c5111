"""Every number of the demo corpus, as it stands in params.yaml under index.demo_corpus."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CHECKED = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]


class DetectorParams(BaseModel):
    """How far the simulated person detector is from the truth. Shares are probabilities per person and frame."""

    model_config = CHECKED

    miss_rate: Share
    """A person in full view is missed."""
    miss_rate_occluded: Share
    """Added when nothing of the person is seen; grows with the square of the hidden share."""
    miss_rate_blurred: Share
    """Added when the person moves by `blur_reference_px` or more during the exposure; grows linearly."""
    blur_reference_px: Positive
    miss_persistence: Share
    """Correlation of a person's luck from one frame to the next, so that misses come in runs."""
    jitter: Annotated[float, Field(ge=0, le=0.5)]
    """Standard deviation of each side of a box, in shares of the box's size."""
    upper_body_rate: Share
    """A second box around head and torso only."""
    full_body_rate: Share
    """A second, displaced box around the whole person."""
    false_positive_rate: Share
    """A piece of clutter is taken for a person, per point and frame."""
    false_positive_locations: Count
    """Places of clutter per video that may be taken for a person."""
    crowd_rate: Share
    """A person of the background crowd is found."""
    score_noise: Annotated[float, Field(ge=0, le=0.5)]
    """Standard deviation of a score around what the box deserves."""


class CorpusParams(BaseModel):
    """Size and look of the demo corpus, and its detector."""

    model_config = CHECKED

    coco_train_images: Count
    coco_val_images: Count
    train_videos: Count
    val_videos: Count
    frames_per_video: Annotated[int, Field(ge=1, le=9999)]
    frames_per_second: Positive
    width: Annotated[int, Field(ge=64, le=4096)]
    height: Annotated[int, Field(ge=64, le=4096)]
    jpeg_quality: Annotated[int, Field(ge=1, le=100)]
    blur_subframes: Annotated[int, Field(ge=1, le=33)]
    """Pictures averaged into one blurred frame; odd, so that the truth is the middle one."""
    detector: DetectorParams
