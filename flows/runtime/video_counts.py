"""The end of a run on videos without annotations: what was tracked, and where it lies, instead of scores."""

from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table

from flows.runtime.printing import printable
from tasks.tables import read_table
from tasks.tables import schemas as tables
from tasks.workspace import Workspace

_SHOWN: Final = 20
"""Videos that have a row of their own."""


@dataclass(frozen=True)
class VideoCounts:
    """What a run made of one video, or of all."""

    frames: int
    persons: int
    """Tracks after merging."""
    tracks: int
    """Tracks before it."""
    poses: int
    """Poses in the tracks."""
    recovered: int
    """Those of them that detection had missed."""

    def __add__(self, other: "VideoCounts") -> "VideoCounts":
        return VideoCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def video_counts(workspace: Workspace) -> dict[str, VideoCounts]:
    """Counts of every video of the index, by its id; none where there is no index, or a video of it is annotated."""
    return {video["video_id"]: _counts(workspace, video) for video in _bare_videos(workspace)}


def lacks_tracks(workspace: Workspace) -> bool:
    """Whether there are videos that `video_counts` counts, none of which has a track; reads up to the first track."""
    videos = _bare_videos(workspace)
    return bool(videos) and not any(
        _rows(table, workspace, video["video_id"]).num_rows
        for video in videos
        for table in (tables.MERGED_TRACKS, tables.TRACKS)
    )


def counts_table(counts: dict[str, VideoCounts]) -> Table:
    """A row for each of the first videos, and one for all where there are several."""
    names = [field.name for field in fields(VideoCounts)]
    table = Table(title="corrtrack", title_justify="left", show_edge=False)
    table.add_column("video")
    for name in names:
        table.add_column(name, justify="right")
    for video_id in list(counts)[:_SHOWN]:
        table.add_row(printable(video_id), *map(str, astuple(counts[video_id])))
    if len(counts) > 1:
        table.add_section()
        table.add_row(f"all {len(counts)}", *map(str, astuple(total(counts))))
    return table


def total(counts: dict[str, VideoCounts]) -> VideoCounts:
    """The counts of all videos together."""
    return sum(counts.values(), VideoCounts(0, 0, 0, 0, 0))


def nothing_tracked(counts: dict[str, VideoCounts]) -> str | None:
    """The sentence for a run without any track; None where there is one, or no video to count."""
    if not counts or total(counts).poses:
        return None
    frames = total(counts).frames
    return (
        f"no person is tracked in {frames} frame{'' if frames == 1 else 's'}: the lines above say why; other boxes "
        "(--detections), poses of another program (--poses) or lower thresholds in params.yaml may help"
    )


def result_lines(workspace: Workspace) -> list[str]:
    """Where what was written lies, a line for each kind that is there."""
    merged = tables.MERGED_TRACKS.path(workspace.tables, "x").parent
    results = [
        *([("overlays", workspace.overlays)] if workspace.overlays else []),
        ("tables", merged if merged.is_dir() else tables.TRACKS.path(workspace.tables, "x").parent),
        ("files in other formats", workspace.exports),
    ]
    return [f"{name}: {path}" for name, path in results if _holds_files(path)]


def _bare_videos(workspace: Workspace) -> list[dict[str, Any]]:
    """Rows of the videos of the index; none where one of them is annotated."""
    path = tables.VIDEOS.path(workspace.tables)
    if not path.is_file():
        return []
    videos = read_table(tables.VIDEOS, path, ["video_id", "frame_count", "labelled_frame_count"]).to_pylist()
    return [] if any(video["labelled_frame_count"] for video in videos) else videos


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def _counts(workspace: Workspace, video: dict[str, Any]) -> VideoCounts:
    video_id = video["video_id"]
    tracks, merged = (_rows(table, workspace, video_id) for table in (tables.TRACKS, tables.MERGED_TRACKS))
    final = merged if merged.num_rows else tracks
    return VideoCounts(
        frames=video["frame_count"],
        persons=len(pc.unique(final["track_id"])),
        tracks=len(pc.unique(tracks["track_id"])),
        poses=final.num_rows,
        recovered=pc.sum(pc.equal(final["origin"], "recovered")).as_py() or 0,
    )


def _rows(table: tables.Table, workspace: Workspace, video_id: str) -> pa.Table:
    path, columns = table.path(workspace.tables, video_id), ["track_id", "origin"]
    return read_table(table, path, columns) if path.is_file() else table.schema.empty_table().select(columns)
