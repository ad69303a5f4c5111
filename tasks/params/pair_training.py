"""What the trainings of both correspondence networks share."""

from typing import Annotated

from pydantic import Field

from tasks.params.section import AtLeastOne, Count, Degrees, NetworkSide, NotNegative, Range, Share
from tasks.params.training import TrainingSection


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
