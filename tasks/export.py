"""Stage export: the tracks and the merged tracks of every video, one file each, in the field's formats (section 6)."""

from typing import TYPE_CHECKING, Final

from tasks.errors import InputError
from tasks.formats.json_files import write_text
from tasks.formats.track_formats import TRACK_FORMATS
from tasks.out_folder import remove_written
from tasks.progress import current
from tasks.tables import Table, TableError, read_table
from tasks.tables.schemas import MERGED_TRACKS, TRACKS, VIDEOS
from tasks.tracked_videos import TrackedVideos, scored_box_source
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.params.sections import Params

_TABLES: Final = {"tracking": TRACKS, "merged": MERGED_TRACKS}
"""Folder of each table's tracks below that of the format."""


def run(workspace: Workspace, params: "Params") -> None:
    """Write exports/<format>/{tracking,merged}/<video_id>, and remove the files of videos and formats that are gone.

    A video that a format has no form for is rejected with the reason; the other formats and videos are written.
    """
    videos = read_table(VIDEOS, VIDEOS.path(workspace.tables), ["video_id", "source"]).to_pylist()
    tracked = TrackedVideos(
        workspace,
        box_source=scored_box_source(list(params.detect.box_sources)),
        keypoint_threshold=params.track.output_keypoint_threshold,
    )
    current().start("videos", len(videos))
    written: set[Path] = set()
    for done, video in enumerate(videos, start=1):
        for key, table in _TABLES.items():
            written |= _export(workspace, params, tracked, video, key=key, table=table)
        current().advance(done, video=video["video_id"])
    for path in set(workspace.exports.glob("*/*/*.*")) - written:
        remove_written(path)
    current().summary(files=len(written))


def _export(
    workspace: Workspace,
    params: "Params",
    tracked: TrackedVideos,
    video: dict[str, str],
    *,
    key: str,
    table: Table,
) -> "set[Path]":
    """Write one video's tracks in every format and return the files."""
    video_id = video["video_id"]
    try:
        tracks = tracked.of(video_id, video["source"], table)
    except (InputError, TableError) as error:
        current().reject(video_id, table.name, workspace.shortened(str(error)))
        return set()
    if tracks is None:
        return set()
    written = set()
    for name in params.export.formats:
        path = workspace.exports / name / key / f"{video_id}{TRACK_FORMATS[name].ending}"
        try:
            write_text(path, TRACK_FORMATS[name].text(tracks))
            written.add(path)
        except InputError as error:
            current().reject(video_id, f"{table.name} as {name}", workspace.shortened(str(error)))
    return written
