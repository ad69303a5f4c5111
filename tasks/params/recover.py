"""Section of the stage `recover`."""

from typing import Literal

from tasks.params.section import AtLeastOne, Count, NetworkSide, NotNegative, Section, Share


class RecoverParams(Section):
    """Missed poses, affinities and correspondences (5.1); poses are re-estimated by the section `estimate`."""

    frame_size_px: NetworkSide
    """Side of the square into which a frame is fitted for the correspondence network."""
    maps: Literal["refined", "siamese"]
    """Maps whose peaks propagate a pose."""
    peak_position: Literal["cell", "quadratic"]
    """Where a map peaks, and so where a propagated keypoint lies: in the centre of its largest cell (the paper), or
    between cells: at the tops of the parabolas through the largest value of S beside the peak and its neighbours."""
    max_gap_frames: AtLeastOne
    """Affinities and correspondences are computed from frames f-1 .. f-max_gap_frames."""
    max_chain_frames: Count
    """Recovered poses are propagated further this many times; 0 is the paper."""
    backward: bool
    """Recover from f+1 as well."""
    query_keypoint_threshold: Share
    """Keypoints of the source below it are no queries: their map S is zero, and they are not propagated."""
    corr_threshold: Share
    """Peaks of C below it are not confident."""
    corr_threshold_siamese: Share
    """The same for S."""
    min_keypoints: AtLeastOne
    """Confident correspondences that a box needs."""
    min_pose_keypoints: AtLeastOne
    """Keypoints of the re-estimated pose at nms_keypoint_threshold or better that it needs."""
    box_margin_px: NotNegative
    """Margin around them, in pixels of the fitted frame."""
    nms_oks: Share
    nms_keypoint_threshold: Share
    batch_size: AtLeastOne
    """Persons that the refinement network takes at once."""
    precision: Literal["float32", "bfloat16", "float16"]
