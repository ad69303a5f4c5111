"""Merging between tables and the mathematics: propagated poses, merged tracks, and the rows of merged_tracks."""

import pytest

from models.tracking.merging import Propagation
from tasks.inference import merging
from tasks.inference.gap_propagation import load_propagation
from tasks.inference.merging import TracksOfSource, unmerged_rows
from tasks.inference.videos import VideoIndex
from tasks.tables import read_table, write_blocks, write_table
from tasks.tables.schemas import MERGED_TRACKS, TRACKS


@pytest.fixture
def broken(corpus, params, change):
    """A person in frames 0 to 6 whose track is cut into 0-2, 3-4 and 6: ids 0, 1, 2."""
    corpus.video("a", 7)
    corpus.write()
    corpus.detections("a", [(index, (8.0, 10.0, 22.0, 40.0)) for index in range(7) if index != 5])
    corpus.run(change(params, recover={"min_keypoints": 17, "corr_threshold": 1.0}), "estimate", "recover", "track")
    path = TRACKS.path(corpus.workspace.tables, "a")
    rows = read_table(TRACKS, path).to_pylist()
    for row in rows:
        row["track_id"] = {0: 0, 1: 0, 2: 0, 3: 1, 4: 1, 6: 2}[row["frame_index"]]
    write_table(TRACKS, rows, path)
    return corpus


def test_a_pose_is_propagated_over_one_frame_as_recover_propagated_it(broken, params):
    workspace = broken.workspace
    tracks = TracksOfSource.of("detected", TRACKS.path(workspace.tables, "a"))
    propagation = load_propagation(workspace.weights("correspondence"), params.recover)
    frames = VideoIndex(workspace.tables).video("a").open(workspace.data)
    propagated = propagation.propagate([tracks], frames, max_gap_frames=2)["detected"]
    pose_in = {row["frame_index"]: row["pose_id"] for row in broken.table("tracks", "a")}
    assert set(propagated) == {Propagation(3, frame, pose_in[frame]) for frame in (0, 1, 2)} | {
        Propagation(6, frame, pose_in[frame]) for frame in (3, 4)
    }
    for target, source in ((3, 2), (3, 1), (6, 4)):
        [row] = broken.table("correspondences", "a", source_pose_id=pose_in[source], target_frame_index=target)
        pose = propagated[Propagation(target, source, pose_in[source])]
        assert pose.xy[:, 0] == pytest.approx(row["refined_x"], abs=1e-4)
        assert pose.xy[:, 1] == pytest.approx(row["refined_y"], abs=1e-4)
        assert pose.peak == pytest.approx(row["refined_peak"], abs=1e-6)


@pytest.mark.parametrize(
    ("max_gap_frames", "similarity_threshold", "tracks"),
    [(2, 0.0, {0: 0, 1: 0, 2: 0}), (1, 0.0, {0: 0, 1: 0, 2: 2}), (2, 1.0, {0: 0, 1: 1, 2: 2})],
)
def test_tracks_are_joined_across_gaps(broken, params, change, max_gap_frames, similarity_threshold, tracks):
    merge = {"max_gap_frames": max_gap_frames, "similarity_threshold": similarity_threshold, "min_keypoints": 1}
    broken.run(change(params, merge=merge), "merge")
    rows = broken.table("merged_tracks", "a")
    assert {row["source_track_id"]: row["track_id"] for row in rows} == tracks
    before = {row["pose_id"]: row for row in broken.table("tracks", "a")}
    for row in rows:
        links = row["source_track_id"] != row["track_id"] and row["frame_index"] in (3, 6)
        unmerged = before[row["pose_id"]]["similarity"]
        assert (0 < row["similarity"] < 1) if links else (row["similarity"] == unmerged)


def test_merged_tracks_do_not_depend_on_how_many_frames_are_in_memory(broken, tmp_path, monkeypatch):
    contents = set()
    for frames in (1, 2, 256):
        monkeypatch.setattr(merging, "_WINDOW_FRAMES", frames)
        tracks = TracksOfSource.of("detected", TRACKS.path(broken.workspace.tables, "a"))
        assert [span.frame_index.tolist() for span in tracks.spans] == [[0, 1, 2], [3, 4], [6]]
        contents.add(write_blocks(MERGED_TRACKS, unmerged_rows(tracks), tmp_path / "a.parquet").read_bytes())
    assert len(contents) == 1
