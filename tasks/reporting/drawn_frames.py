"""What is drawn on each frame of a video, from its tables, with the rows of a window of frames in memory at a time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tasks.reporting import gather
from tasks.reporting.faces import LONGEST_GAP, Circle, heads
from tasks.tables import Table
from tasks.tables.by_video import RowsInOrder, box_sources
from tasks.tables.schemas import MERGED_TRACKS, POSES, RECOVERED_POSES, TRACKS
from tasks.tracked_videos import scored_box_source
from tasks.workspace import Workspace

_WINDOW_FRAMES: Final = 64
_KEYPOINTS: Final = ("frame_index", "x", "y", "score")


class DrawnFrame(NamedTuple):
    """The tracked people of a frame, and the heads that are blurred in it."""

    rows: list[gather.Row]
    """Of the final tracks, by identity."""
    heads: list[Circle]


def drawn_frames(
    workspace: Workspace, video: gather.Row, box_source: str, *, blurs: bool, window_frames: int = _WINDOW_FRAMES
) -> Iterator[DrawnFrame]:
    """Yield what is drawn on each frame of a video in order; it does not depend on the length of a window.

    Args:
        workspace: where the tables lie.
        video: the video's row of the table videos.
        box_source: detected or annotated, whose tracks are drawn.
        blurs: whether heads are blurred, those of all poses of either box source.
        window_frames: frames of a window.

    Raises:
        TableError: a table cannot be read.
    """
    video_id, count = video["video_id"], int(video["frame_count"])
    table = final_tracks(workspace, video_id)
    columns = [*_KEYPOINTS, "track_id", "origin"]
    tracks = RowsInOrder(table, table.path(workspace.tables, video_id), columns, box_source)
    poses = list(_poses(workspace, video_id)) if blurs else []
    near: list[gather.Row] = []
    for start in range(0, count, window_frames):
        end = start + window_frames
        near = [row for row in near if row["frame_index"] >= start - LONGEST_GAP]
        near += _records(tracks, end + LONGEST_GAP)
        circles = heads(_in_use(poses, end), near) if blurs else {}
        of_frame = defaultdict(list)
        for row in near:
            of_frame[row["frame_index"]].append(row)
        yield from (DrawnFrame(of_frame[index], circles.get(index, [])) for index in range(start, min(end, count)))


def final_tracks(workspace: Workspace, video_id: str) -> Table:
    """The table of the merged tracks where the video has it, else that of the tracks."""
    return MERGED_TRACKS if MERGED_TRACKS.path(workspace.tables, video_id).exists() else TRACKS


def tracked_box_source(workspace: Workspace, video_id: str) -> str:
    """Detected where the final tracks have any on detected boxes, else that which they have."""
    return scored_box_source(_box_sources(workspace, final_tracks(workspace, video_id), video_id) or ["detected"])


def _poses(workspace: Workspace, video_id: str) -> Iterator[RowsInOrder]:
    """Detected and recovered poses of all box sources, tracked or not."""
    for table in (POSES, RECOVERED_POSES):
        for source in _box_sources(workspace, table, video_id):
            path = table.path(workspace.tables, video_id)
            yield RowsInOrder(table, path, [*_KEYPOINTS, "drop_reason"], source)


def _box_sources(workspace: Workspace, table: Table, video_id: str) -> list[str]:
    """Box sources that have rows, ascending; none where there is no table."""
    path = table.path(workspace.tables, video_id)
    return box_sources(table, path) if path.exists() else []


def _in_use(poses: Sequence[RowsInOrder], end: int) -> Iterator[gather.Row]:
    """Recovered poses of too few keypoints lie where nobody is, and count only if a track has them."""
    for of_source in poses:
        yield from (row for row in _records(of_source, end) if row["drop_reason"] != "few_keypoints")


def _records(rows: RowsInOrder, end: int) -> list[gather.Row]:
    return gather.records(rows.before(end).to_pandas())
