"""Section of the stage `export`."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from tasks.params.section import Section

FormatName: TypeAlias = Literal[
    "posetrack18",
    "posetrack17",
    "coco",
    "table",
    "csv",
    "jsonl",
    "mot",
    "coco-tracks",
    "cvat",
    "deeplabcut",
    "deeplabcut-h5",
    "nwb",
    "sleap",
    "rerun",
]
_Formats: TypeAlias = Annotated[list[FormatName], Field(max_length=20)]


class ExportParams(Section):
    """Parameters of the stage; `track.output_keypoint_threshold` decides which keypoints are written."""

    formats: _Formats
    """Formats that tracks are written in, by their names in `tasks/formats/track_formats.py`; may be empty."""
    formats_without_annotations: _Formats
    """The same for videos without an annotation file."""
