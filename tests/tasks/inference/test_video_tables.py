"""The writer of video tables takes the rows of a video in blocks."""

from tasks.inference.video_tables import write_video_tables
from tasks.tables import TableError, read_table
from tasks.tables.schemas import TRACKS
from tests.tasks.inference.test_tracking_windows import rows_of


def block(video_id, frame):
    """Two tracks in a frame."""
    columns = {"video_id": [video_id] * 2, "box_source": ["detected"] * 2, "origin": ["detected"] * 2}
    return rows_of(TRACKS, 2, **columns, frame_index=[frame] * 2, track_id=[0, 1], pose_id=[2 * frame, 2 * frame + 1])


def test_blocks_are_written_and_counted_and_a_number_leaves_the_file(corpus):
    for name in "ab":
        corpus.video(name, 3)
    workspace = corpus.write()
    assert write_video_tables(TRACKS, "a", lambda name: map(block, name * 3, range(3)), workspace=workspace) == {"a": 6}
    before = TRACKS.path(workspace.tables, "a").read_bytes()
    assert write_video_tables(TRACKS, "a", lambda _: 6, workspace=workspace) == {"a": 6}
    assert TRACKS.path(workspace.tables, "a").read_bytes() == before


def test_a_video_whose_rows_break_off_has_no_file_and_no_rows(corpus):
    for name in "ab":
        corpus.video(name, 3)
    workspace = corpus.write()

    def blocks(video_id):
        yield block(video_id, 0)
        if video_id == "a":
            raise TableError("damaged")
        yield block(video_id, 1)

    write_video_tables(TRACKS, "a", lambda name: [block(name, 0)], workspace=workspace)
    assert write_video_tables(TRACKS, "ab", blocks, workspace=workspace) == {"b": 4}
    assert not TRACKS.path(workspace.tables, "a").exists()
    assert read_table(TRACKS, TRACKS.path(workspace.tables, "b"))["frame_index"].to_pylist() == [0, 0, 1, 1]
