"""Section of the stage `score`."""

from typing import Literal

from tasks.params.section import Count, Section


class ScoreParams(Section):
    """Parameters of the stage; `track.output_keypoint_threshold` decides which keypoints are scored."""

    interval_resamples: Count
    """Draws of the bootstrap over videos that gives the intervals of the totals; 0 for none."""
    splits: list[Literal["train", "val"]]
    """Splits that are scored, together."""
