"""Tracks do not depend on how many frames are in memory at a time."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.inference.evidence import read_evidence
from tasks.inference.tracking import associate, associate_windows, matcher_of, track_rows
from tasks.inference.videos import Video
from tasks.tables import Table, write_blocks, write_table
from tasks.tables.arrays import table_of
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, POSES, RECOVERED_POSES, TRACKS

FRAMES, LABELLED_EVERY, REACH = 40, 3, 12
SOURCES = ("annotated", "detected")
VIDEO = Video(
    {"video_id": "a", "width": 200, "height": 200},
    [{"frame_index": index, "is_labelled": index % LABELLED_EVERY == 0} for index in range(FRAMES)],
)


def rows_of(table: Table, count: int, **columns) -> pa.Table:
    """Rows with what the test says, and zeros or nothing in the other columns."""
    plain: dict[str, object] = {}
    for field in table.schema:
        if pa.types.is_fixed_size_list(field.type):
            plain[field.name] = np.zeros((count, field.type.list_size))
        else:
            plain[field.name] = [None if field.nullable else 0] * count
    return table_of(table, plain | {"video_id": ["a"] * count} | columns)


def random_tables(folder: Path, seed: int) -> Path:
    """Poses near each other with many ties, recovered and dropped ones, and evidence over up to `REACH` frames."""
    rng = np.random.default_rng(seed)
    parts = {table: [] for table in (POSES, RECOVERED_POSES, AFFINITIES, CORRESPONDENCES)}
    for source in SOURCES:
        indices = np.array(VIDEO.frames_of(source))
        frame = np.repeat(indices, rng.integers(0, 5, len(indices)))
        count, pose_id = len(frame), rng.permutation(len(frame))
        xy = rng.integers(0, 3, (count, 1, 2)) * 10.0 + rng.random((17, 2)) * 50
        is_recovered = rng.random(count) < 0.3
        for table, here in ((POSES, ~is_recovered), (RECOVERED_POSES, is_recovered)):
            columns = {
                "box_source": [source] * here.sum(),
                "origin": ["recovered" if table is RECOVERED_POSES else "detected"] * here.sum(),
                "drop_reason": rng.choice([None, None, None, "duplicate"], here.sum()),
                "score": rng.choice([0.05, 0.5, 0.9], (here.sum(), 17)),
            }
            columns |= {"frame_index": frame[here], "pose_id": pose_id[here], "x": xy[here, :, 0], "y": xy[here, :, 1]}
            parts[table].append(rows_of(table, int(here.sum()), **columns))
        gap = frame[None] - frame[:, None]
        q, p = np.nonzero((gap > 0) & (gap <= REACH))
        values = {kind: rng.choice([0.1, 0.4, 0.9], (len(q), 1)) * np.ones(17) for kind in ("refined", "siamese")}
        ids = {"source_pose_id": pose_id[q], "source_frame_index": frame[q], "target_frame_index": frame[p]}
        columns = {"box_source": [source] * len(q), "target_pose_id": pose_id[p]} | ids | values
        parts[AFFINITIES].append(rows_of(AFFINITIES, len(q), **columns))
        s, f = np.nonzero((indices[None] > frame[:, None]) & (indices[None] - frame[:, None] <= REACH))
        moved = xy[s] + rng.integers(0, 2, (len(s), 1, 2))
        columns = {"source_pose_id": pose_id[s], "source_frame_index": frame[s], "target_frame_index": indices[f]}
        columns |= {"box_source": [source] * len(s), "refined_peak": rng.choice([0.1, 0.9], (len(s), 17))}
        columns |= {"refined_x": moved[..., 0], "refined_y": moved[..., 1]}
        parts[CORRESPONDENCES].append(rows_of(CORRESPONDENCES, len(s), **columns))
    for table, of_table in parts.items():
        write_table(table, pa.concat_tables(of_table), table.path(folder, "a"))
    return folder


def tracks_file(tables: Path, section, path: Path, window_frames: int) -> bytes:
    """The table tracks of both box sources, as the stage writes it."""
    blocks = (
        rows
        for source in SOURCES
        for rows in track_rows(
            tables,
            VIDEO,
            source,
            associate_windows(tables, VIDEO, source, section, window_frames=window_frames),
            window_frames=window_frames,
        )
    )
    return write_blocks(TRACKS, blocks, path).read_bytes()


@pytest.mark.parametrize("max_lost_frames", [0, 2])
@pytest.mark.parametrize("mode", ["paper", "propagated", "released"])
@pytest.mark.parametrize("seed", range(4))
def test_windows_of_any_length_give_the_same_bytes(params, tmp_path, seed, mode, max_lost_frames):
    tables = random_tables(tmp_path / "tables", seed)
    changes = {"mode": mode, "maps": "refined", "max_lost_frames": max_lost_frames, "min_track_frames": 2}
    section = params.track.model_copy(update=changes)
    contents = {tracks_file(tables, section, tmp_path / "tracks.parquet", window) for window in (1, 7, 1000)}
    assert len(contents) == 1
    for source in SOURCES:
        evidence = read_evidence(tables, VIDEO, source)
        whole = associate(evidence, matcher_of(evidence, section), section)
        by_window = associate_windows(tables, VIDEO, source, section, window_frames=7)
        assert whole.dropped == by_window.dropped and len(whole)
        for name in ("frame_index", "pose_id", "track_id", "similarity"):
            assert np.array_equal(getattr(whole, name), getattr(by_window, name), equal_nan=name == "similarity")


def test_the_tables_have_duplicates_gaps_and_short_tracks(params, tmp_path):
    tables = random_tables(tmp_path / "tables", 0)
    section = params.track.model_copy(update={"max_lost_frames": 2, "min_track_frames": 2})
    tracks = associate_windows(tables, VIDEO, "detected", section, window_frames=1)
    assert {pose.reason for pose in tracks.dropped} == {"duplicate", "short track"}
    of_track = [tracks.frame_index[tracks.track_id == track_id] for track_id in np.unique(tracks.track_id)]
    assert max(int(np.diff(frames).max()) for frames in of_track) == 3
