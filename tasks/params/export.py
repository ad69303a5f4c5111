"""Section of the stage `export`."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.params.section import Section


def _known(name: str) -> str:
    from tasks.formats.track_formats import TRACK_FORMATS  # the section alone is cheap to import

    if name not in TRACK_FORMATS:
        raise ValueError(f"expected one of {', '.join(TRACK_FORMATS)}, got {name}")
    return name


class ExportParams(Section):
    """Parameters of the stage; `track.output_keypoint_threshold` tells which keypoints are written."""

    formats: Annotated[list[Annotated[str, AfterValidator(_known)]], Field(max_length=20)]
    """Formats that tracks are written in, by their names in `tasks/formats/track_formats.py`; may be empty."""
