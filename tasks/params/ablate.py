"""Section of the stage `ablate`."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.section import AtLeastOne, Section, Share


class AblateParams(Section):
    """The paper's tables 2 to 7."""

    tables: list[Literal[2, 3, 4, 5, 6, 7]]
    """Tables that are made; 2 and 7 run networks, the others are arithmetic on tables."""
    output_keypoint_thresholds: list[Share]
    """Columns of table 3."""
    tau_corr_values: list[Share]
    """Rows of table 6."""
    similarity_quantiles: list[Share]
    """Acceptance thresholds tried for every method of table 2: quantiles of its similarities on the training split."""
    tau_corr_siamese_values: list[Share]
    """Tried on the training split for track.tau_corr and track.tau_corr_siamese, beside tau_corr_values; tables 5 and 7
    report what these sweeps would choose."""
    duplicate_oks_values: list[Share]
    """The same for track.duplicate_oks."""
    duplicate_ratio_values: list[Annotated[float, Field(ge=0, le=2)]]
    """The same for track.duplicate_ratio."""
    merge_similarity_values: list[Share]
    """The same for merge.similarity_threshold; values below the one in force cannot be judged from tables."""
    merge_gap_values: list[AtLeastOne]
    """The same for merge.max_gap_frames; values above the one in force cannot be judged from tables."""
    flow: Literal["dis", "raft"]
    """Dense optical flow: OpenCV's DIS, or torchvision's RAFT with weights."""
    flow_weights: str | None
    """Weight file of RAFT."""
    reid_embedder: str | None
    """An external TorchScript file that maps (B,3,H,W) person crops to features; null takes train_reid's."""
