"""Section of the stage `export`."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.section import Section


class ExportParams(Section):
    """Parameters of the stage; `track.output_keypoint_threshold` decides which keypoints are written."""

    formats: Annotated[list[Literal["posetrack18", "posetrack17", "coco"]], Field(max_length=20)]
    """Formats that tracks are written in, by their names in `tasks/formats/track_formats.py`; may be empty."""
