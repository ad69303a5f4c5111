"""Section of the stage `estimate`."""

from typing import Literal

from tasks.params.section import AtLeastOne, NetworkSide, Section, Share


class EstimateParams(Section):
    """Poses in boxes (6.1, A.1)."""

    source: Literal["network", "torchvision", "file"]
    """Poses by the pose network, those of detect.source torchvision, or those in data/poses by detect.source poses."""
    crop_width_px: NetworkSide
    crop_height_px: NetworkSide
    """Size of a person's crop, that of the pose network's training."""
    batch_size: AtLeastOne
    """Crops of one batch, twice as many with the flip test."""
    flip_test: bool
    """Average each crop's heatmaps with those of its mirror image."""
    flip_about: Literal["cells", "pixels"]
    """Axis of that mirror: the middle of the cells' centres, or that of the pixels, as in the released scripts."""
    output_stage: int
    """Stage of the pose network that is read; -1 is the last."""
    precision: Literal["float32", "bfloat16", "float16"]
    nms_oks: Share
    """A pose is dropped when its OKS to a better one exceeds this."""
    nms_keypoint_threshold: Share
    """Keypoints below it take no part in that OKS."""
    shard_frames: AtLeastOne
    """Frames of one shard; long videos are cut into several."""
