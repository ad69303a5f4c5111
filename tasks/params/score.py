"""Section of the stage `score`."""

from typing import Literal

from tasks.params.section import Section


class ScoreParams(Section):
    """Parameters of the stage; `track.output_keypoint_threshold` decides which keypoints are scored."""

    splits: list[Literal["train", "val"]]
    """Splits that are scored, together."""
