"""Tables of one file per video: their poses as arrays, their rows from arrays, and the writing of all files."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.frame_poses import FramePoses
from tasks.out_folder import remove_written
from tasks.progress import current
from tasks.tables import Table, TableError, read_table, write_table
from tasks.tables.arrays import Column, keypoint_array, list_array, table_of
from tasks.tables.schemas import VIDEOS
from tasks.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)


def frame_poses(rows: pa.Table) -> Iterator[FramePoses]:
    """Yield the poses of each frame that has any, in frame order, without dropped poses.

    Args:
        rows: rows of the table poses, recovered_poses, tracks or merged_tracks, of one video and box source.
    """
    if "drop_reason" in rows.schema.names:
        rows = rows.filter(pc.field("drop_reason").is_null())
    frames = rows["frame_index"].to_numpy()
    pose_id, xy, score = rows["pose_id"].to_numpy(), keypoint_array(rows), list_array(rows, "score")
    order = np.argsort(frames, kind="stable")
    indices, first = np.unique(frames[order], return_index=True)
    for frame_index, here in zip(indices, np.split(order, first[1:]), strict=False):
        yield FramePoses(int(frame_index), pose_id[here], xy[here], score[here])


class RowBlocks:
    """Collects rows of a table block by block.

    Each block is converted to the table's own types when it is added, so that a long video needs little memory.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._blocks = [table.schema.empty_table()]
        self._taken = 0

    def add(self, row_count: int, **columns: Column | str | int) -> None:
        """Add `row_count` rows; a single number or text is repeated in each of them."""
        whole = {
            name: [value] * row_count if isinstance(value, str | int) else value for name, value in columns.items()
        }
        self._blocks.append(table_of(self._table, whole))

    def take_up(self, rows: pa.Table) -> None:
        """Add rows that `since_last_call` has returned to an earlier worker."""
        self._blocks.append(rows)
        self._taken = len(self._blocks)

    def since_last_call(self) -> pa.Table:
        """Return the rows added since the last call; they all stay."""
        fresh, self._taken = self._blocks[self._taken :], len(self._blocks)
        return pa.concat_tables([self._table.schema.empty_table(), *fresh])

    def joined(self) -> pa.Table:
        """Return all rows added so far."""
        return pa.concat_tables(self._blocks)


def write_video_tables(
    table: Table, video_ids: Sequence[str], rows_of: Callable[[str], pa.Table | int], *, workspace: Workspace
) -> int:
    """Write one file per video, remove those of videos that have none now, and return the number of rows.

    Where `rows_of` gives a number instead of rows, the file of the video stays, and has so many.
    A video whose input tables are damaged is rejected with the reason; the other videos are still written.
    """
    progress = current()
    progress.start("videos", len(video_ids))
    written, row_count = [], 0
    for done, video_id in enumerate(video_ids, start=1):
        try:
            rows = rows_of(video_id)
            if not isinstance(rows, int):
                write_table(table, rows, table.path(workspace.tables, video_id))
                rows = len(rows)
            written.append(video_id)
            row_count += rows
        except TableError as error:
            progress.reject(video_id, "", str(error))
        progress.advance(done, video=video_id)
    remove_other_videos(table, written, workspace=workspace)
    return row_count


def remove_other_videos(table: Table, video_ids: Sequence[str], *, workspace: Workspace) -> None:
    """Remove the files of those videos of the index that are not among `video_ids`.

    Files of videos that the index does not hold, those of an earlier corpus, stay until `corrtrack prune`.
    """
    (workspace.tables / table.name).mkdir(parents=True, exist_ok=True)
    for video_id in sorted(indexed_videos(workspace) - set(video_ids)):
        if remove_written(table.path(workspace.tables, video_id)):
            _LOG.info("%s: removed the rows of %s, which has none now", table.name, video_id)


def indexed_videos(workspace: Workspace) -> set[str]:
    """Names of all videos of the index."""
    return set(read_table(VIDEOS, VIDEOS.path(workspace.tables), ["video_id"])["video_id"].to_pylist())
