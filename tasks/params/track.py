"""Section of the stage `track`."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.section import AtLeastOne, Count, NotNegative, Section, Share


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
    mean_over: Literal["above_tau", "detected"]
    """Keypoints that equation 6 is a mean over: those whose affinity exceeds the threshold, or all detected ones."""
    min_similarity: Share
    """A pair below it is not associated."""
    query_keypoint_threshold: Share
    """Keypoints below it take no part in equation 6."""
    output_keypoint_threshold: Share
    """Keypoints below it are left out of exported and scored tracks; the table keeps them all."""
    min_track_frames: AtLeastOne
    """Shorter tracks are left out."""
    max_lost_frames: Count
    """Frames that a track may miss and still go on; at most recover.max_gap_frames - 1."""
    duplicate_removal: bool
    """Whether a second pose of a tracked person starts no track (A.3)."""
    duplicate_oks: Share
    """Its OKS with the correspondence pose of that person's track exceeds this."""
    duplicate_ratio: Annotated[float, Field(ge=0, le=2)]
    """And its similarity to that track is at least this share of the matched pose's (released: sum of two ratios)."""
    min_keypoints: AtLeastOne
    """Keypoints that the OKS of a correspondence pose needs; with fewer it is 0."""
    released_oks_threshold: Share
    """Mode released: least OKS of a match."""
    released_box_margin_px: NotNegative
    """Mode released: margin of the box in which correspondences count for a pose."""
