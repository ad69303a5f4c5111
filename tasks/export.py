"""Stage export: the tracks and the merged tracks of every video, one file each, in the field's formats (section 6)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tasks.errors import InputError
from tasks.formats.json_files import write_pieces
from tasks.formats.track_formats import TRACK_FORMATS, require_formats
from tasks.formats.tracked_video import TrackedVideo
from tasks.fresh_videos import FreshVideos
from tasks.out_folder import remove_written
from tasks.progress import current
from tasks.tables import Table, TableError, read_table
from tasks.tables.schemas import MERGED_TRACKS, TRACKS, VIDEOS
from tasks.tracked_videos import TrackedVideos, scored_box_source
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_TABLES: Final = {"tracking": TRACKS, "merged": MERGED_TRACKS}
"""Folder of each table's tracks below that of the format."""


def run(workspace: Workspace, params: "Params") -> None:
    """Write exports/<format>/{tracking,merged}/<video_id>, and remove files without tracks and of other formats.

    Files of videos that the index does not hold, those of an earlier corpus, stay until `corrtrack prune`.

    A video that a format has no form for is rejected with the reason; the other formats and videos are written.

    Raises:
        InputError: a format needs packages that are not installed.
    """
    formats: set[str] = {*params.export.formats, *params.export.formats_without_annotations}
    require_formats(sorted(formats))
    videos = read_table(VIDEOS, VIDEOS.path(workspace.tables)).to_pylist()
    tracked = TrackedVideos(
        workspace,
        box_source=scored_box_source(list(params.detect.box_sources)),
        keypoint_threshold=params.track.output_keypoint_threshold,
    )
    fresh = FreshVideos(workspace, "export", [params.export.model_dump(), params.track.output_keypoint_threshold])
    current().start("videos", len(videos))
    written: set[Path] = set()
    for done, video in enumerate(videos, start=1):
        written |= _export_if_stale(workspace, params, tracked, video, fresh=fresh)
        current().advance(done, video=video["video_id"])
    fresh.keep()
    _remove_others(workspace, formats, {video["video_id"] for video in videos}, written)
    current().summary(files=len(written))


def _formats_of(video: dict[str, Any], params: "Params") -> Sequence[str]:
    return params.export.formats if video["source"] else params.export.formats_without_annotations


def _remove_others(workspace: Workspace, formats: set[str], indexed: set[str], written: "set[Path]") -> None:
    for path in set(filter(Path.is_file, workspace.exports.glob("*/*/**/*.*"))) - written:
        name, _, *below = path.relative_to(workspace.exports).parts
        if name not in formats or "/".join(below).removesuffix(TRACK_FORMATS[name].ending) in indexed:
            remove_written(path)


def _export_if_stale(
    workspace: Workspace, params: "Params", tracked: TrackedVideos, video: dict[str, Any], *, fresh: FreshVideos
) -> "set[Path]":
    """The files of one video, made from its tracks unless those are the same as before."""
    inputs = [table.path(workspace.tables, video["video_id"]) for table in _TABLES.values()]
    if video["source"]:
        inputs.append(workspace.data / video["source"])
    key = fresh.key(inputs, [video, scored_box_source(list(params.detect.box_sources))])
    if (known := fresh.facts(video["video_id"], key)) is not None:
        return {workspace.exports / name for name in known["files"]}
    written, rejects = set(), len(current().rejects)
    for name, table in _TABLES.items():
        written |= _export(workspace, params, tracked, video, key=name, table=table)
    if len(current().rejects) == rejects:  # what was rejected must be reported by each run
        names = sorted(path.relative_to(workspace.exports).as_posix() for path in written)
        fresh.record(video["video_id"], key, written, {"files": names})
    return written


def _export(
    workspace: Workspace,
    params: "Params",
    tracked: TrackedVideos,
    video: dict[str, Any],
    *,
    key: str,
    table: Table,
) -> "set[Path]":
    """Write one video's tracks in every format and return the files."""
    video_id = video["video_id"]
    try:
        tracks = tracked.of(video_id, video["source"], table)
        return _write(workspace, tracks, _formats_of(video, params), key=key, table=table) if tracks else set()
    except (InputError, TableError) as error:
        current().reject(video_id, table.name, workspace.shortened(str(error)))
        return set()


def _write(
    workspace: Workspace, tracks: TrackedVideo, formats: Sequence[str], *, key: str, table: Table
) -> "set[Path]":
    """Write the tracks in the formats that have a form for them; raises TableError where the tracks cannot be read."""
    video_id, written = tracks.video_id, set()
    for name in formats:
        path = workspace.exports / name / key / f"{video_id}{TRACK_FORMATS[name].ending}"
        try:
            write_pieces(path, TRACK_FORMATS[name].content(tracks))
            written.add(path)
        except InputError as error:
            current().reject(video_id, f"{table.name} as {name}", workspace.shortened(str(error)))
    return written
