"""The videos that a stage works on, and what the index knows of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.frames import VideoFrames
from tasks.tables import read_table
from tasks.tables.schemas import FRAMES, VIDEOS, Table

_FRAME_COLUMNS: Final = ("video_id", "frame_index", "image_id", "path", "is_labelled")


@dataclass(frozen=True)
class Video:
    """One video of the corpus with its frames in order."""

    row: dict[str, Any]
    """Its row of the table `videos`."""
    frames: list[dict[str, Any]]
    """Its rows of the table `frames`, one per frame."""

    @property
    def video_id(self) -> str:
        """Its name in the corpus."""
        return str(self.row["video_id"])

    def open(self, data: Path) -> VideoFrames:
        """Its pictures, below the data folder."""
        return VideoFrames(data, self.row, self.frames)

    def frames_of(self, box_source: str) -> list[int]:
        """Frames that can hold boxes of a source, ascending: annotated boxes exist on labelled frames only."""
        return [row["frame_index"] for row in self.frames if row["is_labelled"] or box_source != "annotated"]


class VideoIndex:
    """The index below a folder of tables, read once."""

    def __init__(self, tables: Path) -> None:
        self._tables = tables

    @cached_property
    def _videos(self) -> dict[str, dict[str, Any]]:
        rows = read_table(VIDEOS, VIDEOS.path(self._tables)).to_pylist()
        return {row["video_id"]: row for row in rows}

    @cached_property
    def _frames(self) -> pa.Table:
        return read_table(FRAMES, FRAMES.path(self._tables), _FRAME_COLUMNS)

    def video(self, video_id: str) -> Video:
        """A video and its frames."""
        frames = self._frames.filter(pc.field("video_id") == video_id).sort_by("frame_index").to_pylist()
        return Video(self._videos[video_id], frames)

    def image_ids(self) -> list[int]:
        """Ids of all frames in the annotation files; those of bare videos are their positions only."""
        columns = (self._frames[name].to_pylist() for name in ("video_id", "image_id"))
        return [image_id for name, image_id in zip(*columns, strict=True) if self._videos[name]["source"] is not None]

    def of_splits(self, splits: Sequence[str]) -> list[str]:
        """Videos of the splits, ascending."""
        return sorted(name for name, row in self._videos.items() if row["split"] in splits)

    def with_tables(self, *needed: Table) -> list[str]:
        """Videos that every needed per-video table has a file of, ascending; others were rejected."""
        return sorted(
            name for name in self._videos if all(table.path(self._tables, name).is_file() for table in needed)
        )
