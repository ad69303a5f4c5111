"""Writing a per-video table in this process, for stages that are arithmetic on tables."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa

from tasks.out_folder import remove_written
from tasks.progress import current
from tasks.tables import Table, TableError, write_table
from tasks.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)


def write_video_tables(
    table: Table, video_ids: Sequence[str], rows_of: Callable[[str], pa.Table], *, workspace: Workspace
) -> int:
    """Write a file per video, and leave none of an earlier run behind; gives the number of rows.

    A video whose input tables are damaged is set aside with the reason, and the rest goes on.
    """
    progress = current()
    progress.start("videos", len(video_ids))
    written, rows_written = set(), 0
    for done, video_id in enumerate(video_ids, start=1):
        try:
            rows = rows_of(video_id)
            written.add(write_table(table, rows, table.path(workspace.tables, video_id)))
            rows_written += len(rows)
        except TableError as error:
            progress.reject(video_id, "", str(error))
        progress.advance(done, video=video_id)
    forget_other_videos(table, [path.stem for path in written], workspace=workspace)
    return rows_written


def forget_other_videos(table: Table, video_ids: Sequence[str], *, workspace: Workspace) -> None:
    """Remove the files of videos that are no longer part of the run."""
    folder = workspace.tables / table.name
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.glob("*.parquet")) - {table.path(workspace.tables, name) for name in video_ids}:
        if remove_written(stale):
            _LOG.info("%s: removed, no longer part of the corpus", stale)
