"""Tables of one file per video: their poses as arrays, their rows from arrays, and the writing of all files."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.poses.frame_poses import FramePoses, no_poses
from tasks.out_folder import remove_written
from tasks.progress import current
from tasks.tables import Table, TableError, read_table, write_blocks
from tasks.tables.arrays import Column, keypoint_array, list_array, table_of
from tasks.tables.schemas import VIDEOS
from tasks.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)


class PosesByFrame:
    """The poses of one video and box source, without dropped ones, as compact as their table.

    Args:
        rows: rows of the table poses, recovered_poses, tracks or merged_tracks.
    """

    def __init__(self, rows: pa.Table) -> None:
        if "drop_reason" in rows.schema.names:
            rows = rows.filter(pc.is_null(rows["drop_reason"]))
        frames = rows["frame_index"].to_numpy()
        order = np.argsort(frames, kind="stable")
        self._pose_id = rows["pose_id"].to_numpy()[order]
        self._xy, self._score = keypoint_array(rows)[order], list_array(rows, "score")[order]
        self._indices, first = np.unique(frames[order], return_index=True)
        self._first = np.append(first, len(order))

    @property
    def frames(self) -> list[int]:
        """Frames that have any pose, ascending."""
        return [int(index) for index in self._indices]

    def at(self, frame_index: int) -> FramePoses:
        """The poses of a frame."""
        at = int(np.searchsorted(self._indices, frame_index))
        if at == len(self._indices) or self._indices[at] != frame_index:
            return no_poses(frame_index)
        here = slice(self._first[at], self._first[at + 1])
        return FramePoses(frame_index, self._pose_id[here], self._xy[here], self._score[here])


def frame_poses(rows: pa.Table) -> Iterator[FramePoses]:
    """Yield the poses of each frame that has any, in frame order (see `PosesByFrame`)."""
    poses = PosesByFrame(rows)
    yield from map(poses.at, poses.frames)


class RowBlocks:
    """Collects rows of a table block by block.

    Each block is converted to the table's own types when it is added, so that a long video needs little memory.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._blocks = [table.schema.empty_table()]

    def add(self, row_count: int, **columns: Column | str | int) -> None:
        """Add `row_count` rows; a single number or text is repeated in each of them."""
        whole = {
            name: [value] * row_count if isinstance(value, str | int) else value for name, value in columns.items()
        }
        self._blocks.append(table_of(self.table, whole))

    def take(self) -> pa.Table:
        """Give the rows added since the last call, and keep none of them."""
        blocks, self._blocks = self._blocks, [self.table.schema.empty_table()]
        return pa.concat_tables(blocks)


def write_video_tables(
    table: Table, video_ids: Sequence[str], rows_of: Callable[[str], Iterable[pa.Table] | int], *, workspace: Workspace
) -> dict[str, int]:
    """Write one file per video, remove those of videos that have none now, and return the number of rows of each.

    `rows_of` gives the rows in blocks, the keys of each above those before, of which one is in memory at a time.
    Where it gives a number instead, the file of the video stays, and has so many rows.
    A video whose input tables are damaged is rejected with the reason; the other videos are still written.
    """
    progress = current()
    progress.start("videos", len(video_ids))
    row_counts = {}
    for done, video_id in enumerate(video_ids, start=1):
        try:
            rows = rows_of(video_id)
            if not isinstance(rows, int):
                path = write_blocks(table, rows, table.path(workspace.tables, video_id))
                rows = pq.read_metadata(path).num_rows
            row_counts[video_id] = rows
        except TableError as error:
            progress.reject(video_id, "", str(error))
        progress.advance(done, video=video_id)
    remove_other_videos(table, list(row_counts), workspace=workspace)
    return row_counts


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
