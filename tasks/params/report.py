"""Section of the stage `report`."""

from typing import Literal

from pydantic import Field

from tasks.params.section import AtLeastOne, Count, Section


class ReportParams(Section):
    """The HTML report."""

    clip_count: Count
    """Videos that are shown as clips, the first in order of their ids."""
    clip_height_px: int = Field(ge=64, multiple_of=2)
    clip_frames_per_second: AtLeastOne
    """Frame rate of the clips of a video whose file holds none."""
    people: Literal["shown", "faces_blurred", "skeletons"]
    """What clips and overlays show of people; with any but the first, the page has no other pictures of them."""
    overlays: bool
    """Whether `reprocess` writes an overlay of each tracked video; no other command writes any."""
