"""The videos that a stage works on, and what the index knows of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tasks.formats.corpus_part import RowsInColumns
from tasks.frames import VideoFrames
from tasks.tables import read_table
from tasks.tables.by_video import RowsByVideo, row_bytes
from tasks.tables.schemas import FRAMES, VIDEOS, Table

_FRAME_COLUMNS: Final = ("video_id", "frame_index", "image_id", "path", "is_labelled")


@dataclass(frozen=True)
class Video:
    """One video of the corpus with its frames in order."""

    row: dict[str, Any]
    """Its row of the table `videos`."""
    frames: Sequence[dict[str, Any]]
    """Its rows of the table `frames`, one per frame; each is a dict only while somebody asks for it."""

    @property
    def video_id(self) -> str:
        """Its name in the corpus."""
        return str(self.row["video_id"])

    @property
    def files(self) -> list[str]:
        """Its pictures, or the one video file, relative to the data folder."""
        return [row["path"] for row in self.frames if row["path"] is not None] or [str(self.row["media"])]

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
    def _frames(self) -> RowsByVideo:
        return RowsByVideo(read_table(FRAMES, FRAMES.path(self._tables), _FRAME_COLUMNS))

    def video(self, video_id: str) -> Video:
        """A video and its frames."""
        rows = self._frames.of(video_id).sort_by("frame_index").select(_FRAME_COLUMNS[1:])
        frames = RowsInColumns({"video_id": [video_id] * len(rows), **rows.to_pydict()})
        return Video(self._videos[video_id], frames)

    def row(self, video_id: str) -> dict[str, Any]:
        """The video's row of the table `videos`."""
        return self._videos[video_id]

    def frame_bytes(self, video_id: str) -> bytes:
        """What `video` knows of the frames, equal as long as it is."""
        return row_bytes(self._frames.of(video_id))

    def frame_count(self, video_id: str) -> int:
        """Frames of a video."""
        return self._frames.count(video_id)

    def image_ids(self) -> list[int]:
        """Ids of all frames in the annotation files; those of bare videos are their positions only."""
        annotated = [name for name, row in self._videos.items() if row["source"] is not None]
        return [image_id for name in annotated for image_id in self._frames.of(name)["image_id"].to_pylist()]

    def of_splits(self, splits: Sequence[str]) -> list[str]:
        """Videos of the splits, ascending."""
        return sorted(name for name, row in self._videos.items() if row["split"] in splits)

    def with_tables(self, *needed: Table) -> list[str]:
        """Videos that every needed per-video table has a file of, ascending; others were rejected."""
        return sorted(
            name for name in self._videos if all(table.path(self._tables, name).is_file() for table in needed)
        )
