"""Section of the stage `merge`."""

from tasks.params.section import AtLeastOne, Section, Share


class MergeParams(Section):
    """Track merging (A.4, equation 8); correspondences are computed by the section `recover`."""

    enabled: bool
    max_gap_frames: AtLeastOne
    """Frames between the end of one track and the start of the other."""
    similarity_threshold: Share
    corr_threshold: Share
    """Keypoints with a lower peak take no part in the OKS."""
    min_keypoints: AtLeastOne
    """With fewer of them the OKS is 0."""
