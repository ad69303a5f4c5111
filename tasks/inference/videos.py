"""The videos that a stage works on, and what the index knows of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from tasks.frames import VideoFrames
from tasks.tables import read_table
from tasks.tables.schemas import FRAMES, VIDEOS, Table


@dataclass(frozen=True)
class Video:
    """One video of the corpus with its frames in order."""

    row: dict[str, Any]
    """Its row of the table `videos`."""
    frames: list[dict[str, Any]]
    """Its rows of the table `frames`, one per frame."""

    def open(self, data: Path) -> VideoFrames:
        """Its pictures, below the data folder."""
        return VideoFrames(data, self.row, self.frames)

    def frames_of(self, box_source: str) -> list[int]:
        """Frames that can hold boxes of a source, ascending: annotated boxes exist on labelled frames only."""
        return [row["frame_index"] for row in self.frames if row["is_labelled"] or box_source != "annotated"]


def read_video(tables: Path, video_id: str) -> Video:
    """A video and its frames from the index below the folder `tables`."""
    videos, frames = (
        read_table(table, table.path(tables)).filter(pc.field("video_id") == video_id).to_pylist()
        for table in (VIDEOS, FRAMES)
    )
    return Video(videos[0], frames)


def videos_of_splits(tables: Path, splits: Sequence[str]) -> list[str]:
    """Videos of the index that belong to the splits, ascending."""
    rows = read_table(VIDEOS, VIDEOS.path(tables), ["video_id", "split"]).to_pylist()
    return sorted(row["video_id"] for row in rows if row["split"] in splits)


def videos_with(tables: Path, *needed: Table) -> list[str]:
    """Videos of the index that every needed per-video table has a file of, ascending; others were set aside."""
    known = read_table(VIDEOS, VIDEOS.path(tables), ["video_id"])["video_id"].to_pylist()
    return sorted(name for name in known if all(table.path(tables, name).is_file() for table in needed))
