"""`corrtrack export RUN`: the tracks of a finished run in other formats, without running a stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.command_records import record_command, run_source
from flows.runtime.recorded_runs import find_version
from flows.runtime.repository import Repository
from tasks.errors import InputError
from tasks.formats.folder_conversion import Converted
from tasks.formats.json_files import write_pieces
from tasks.formats.track_formats import TRACK_FORMATS, require_formats
from tasks.out_folder import claim_out_folder
from tasks.tables import TableError, read_table
from tasks.tables.schemas import MERGED_TRACKS, TRACKS, VIDEOS
from tasks.tracked_videos import TrackedVideos


def export_tracks(repository: Repository, run: str, formats: Sequence[str], out: Path) -> Converted:
    """Write the merged tracks of every video, or its tracks where merging was off.

    Args:
        repository: the checkout.
        run: as `find_version` reads it.
        formats: names of `TRACK_FORMATS`.
        out: folder for OUT/VIDEO.ending, or OUT/FORMAT/VIDEO.ending where there are several formats.

    Raises:
        InputError: no such run, format or folder, or the run has no tracks.
    """
    if unknown := [name for name in formats if name not in TRACK_FORMATS]:
        raise InputError(f"--format must be one of {', '.join(TRACK_FORMATS)}, got {unknown[0]}")
    require_formats(formats)
    version = find_version(repository, run)
    folder = claim_out_folder(out, inputs=[version.workspace.artifacts])
    folders = {name: folder / name if len(formats) > 1 else folder for name in formats}
    written: list[Path] = []
    refused: list[str] = []
    tables, threshold = version.workspace.tables, version.output_threshold()
    try:
        tracked = TrackedVideos(version.workspace, box_source=version.box_source, keypoint_threshold=threshold)
        for video in read_table(VIDEOS, VIDEOS.path(tables), ["video_id", "source"]).to_pylist():
            _export(tables, tracked, video, folders, (written, refused))
    except TableError as error:
        raise InputError(str(error)) from error
    if not written and not refused:
        raise InputError(f"{run}: expected a run with tracks, got none of any video")
    record_command(folder, "export", written, [run_source(repository, version)])
    return Converted(tuple(written), tuple(refused))


def _export(
    tables: Path,
    tracked: TrackedVideos,
    video: dict[str, Any],
    folders: dict[str, Path],
    lists: tuple[list[Path], list[str]],
) -> None:
    video_id, (written, refused) = video["video_id"], lists
    table = MERGED_TRACKS if MERGED_TRACKS.path(tables, video_id).is_file() else TRACKS
    try:
        tracks = tracked.of(video_id, video["source"], table)
    except InputError as error:
        refused.append(f"{video_id}: {error}")
        return
    if tracks is None:
        return
    for name, folder in folders.items():
        path = folder / f"{video_id}{TRACK_FORMATS[name].ending}"
        try:
            write_pieces(path, TRACK_FORMATS[name].content(tracks))
            written.append(path)
        except InputError as error:
            refused.append(f"{video_id} as {name}: {error}")
