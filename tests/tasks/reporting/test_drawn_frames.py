"""What is drawn on a frame does not depend on how many frames are in memory at a time."""

import numpy as np
import pytest

from tasks.reporting import gather
from tasks.reporting.drawn_frames import drawn_frames, tracked_box_source
from tasks.reporting.faces import LONGEST_GAP, heads
from tasks.tables import write_table
from tasks.tables.schemas import MERGED_TRACKS, POSES, RECOVERED_POSES, TRACKS
from tasks.workspace import Workspace

FRAMES, PERSONS = 140, 4
VIDEO = {"video_id": "a", "frame_count": FRAMES}
REASONS = {POSES: (None, "duplicate"), RECOVERED_POSES: (None, "few_keypoints")}


def rows_of(table, source, rng, plan, **more):
    """Rows of random keypoints, one for each frame and number of a plan."""
    plain = {field.name: None if field.nullable else 0 for field in table.schema}
    plain |= {"origin": "detected"} if "origin" in plain else {}
    plain |= {"box_xywh": [0.0] * 4} if "box_xywh" in plain else {}
    return [
        plain
        | {"video_id": "a", "box_source": source, "frame_index": frame, "pose_id": 10 * frame + number}
        | {name: rng.random(17) * 50 for name in ("x", "y")}
        | {"score": rng.random(17).round(1)}
        | {name: choose(number) for name, choose in more.items()}
        for frame, number in plan
    ]


@pytest.fixture(params=range(3))
def workspace(request, tmp_path):
    """Tracks that pause for up to a few frames more than are bridged, and poses of two box sources."""
    rng = np.random.default_rng(request.param)
    workspace = Workspace.of_repository(tmp_path)
    pauses = {number: np.cumsum(rng.choice([1, 2, 5, *range(28, 34)], FRAMES)) for number in range(PERSONS)}
    tracked = [(frame, number) for number in range(PERSONS) for frame in pauses[number].tolist() if frame < FRAMES]
    numbers = {number: rank for rank, number in enumerate(dict.fromkeys(number for _, number in sorted(tracked)))}
    tracks = rows_of(MERGED_TRACKS, "detected", rng, tracked, track_id=numbers.__getitem__)
    write_table(MERGED_TRACKS, tracks, MERGED_TRACKS.path(workspace.tables, "a"))
    for table, reasons in REASONS.items():
        everywhere = [(frame, number) for frame in range(FRAMES) for number in range(2) if rng.random() < 0.5]
        rows = [
            row
            for source in ("annotated", "detected")
            for row in rows_of(table, source, rng, everywhere, drop_reason=reasons.__getitem__)
        ]
        write_table(table, rows, table.path(workspace.tables, "a"))
    return workspace


def test_heads_and_people_are_those_of_the_whole_tables(workspace):
    poses = [gather.records(gather.read_frame(workspace, table.name, "a")) for table in REASONS]
    tracks = gather.records(gather.read_frame(workspace, "merged_tracks", "a"))
    whole = heads([row for rows in poses for row in rows if row["drop_reason"] != "few_keypoints"], tracks)
    for window in (1, 7, LONGEST_GAP, 1000):
        drawn = list(drawn_frames(workspace, VIDEO, "detected", blurs=True, window_frames=window))
        assert len(drawn) == FRAMES
        for index, (rows, circles) in enumerate(drawn):
            assert [row["track_id"] for row in rows] == [
                row["track_id"] for row in tracks if row["frame_index"] == index
            ]
            assert np.array_equal(circles, whole.get(index, []))


def test_a_video_with_annotated_boxes_alone_shows_their_tracks(tmp_path):
    workspace = Workspace.of_repository(tmp_path)
    rows = rows_of(TRACKS, "annotated", np.random.default_rng(0), [(1, 0)], track_id=int)
    write_table(TRACKS, rows, TRACKS.path(workspace.tables, "a"))
    source = tracked_box_source(workspace, "a")
    assert source == "annotated"
    drawn = list(drawn_frames(workspace, VIDEO, source, blurs=True))
    assert [index for index, frame in enumerate(drawn) if frame.rows] == [1]
    assert [len(frame.heads) for frame in drawn[:6]] == [1, 1, 1, 1, 1, 0]
