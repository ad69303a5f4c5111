"""What both trainings of the pose network share."""

from tasks.params.section import Degrees, NetworkSide, NotNegative, Positive, Range, Share
from tasks.params.training import TrainingSection


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
