"""Sweeps of thresholds: removed links of merged tracks, and ties."""

import numpy as np
import pytest

from tasks.inference.videos import Video
from tasks.tables import write_table
from tasks.tables.schemas import MERGED_TRACKS
from tasks.tracker_evaluation.thresholds import MergeLinks, choice
from tasks.tracker_evaluation.videos import EvaluationVideo

# Pieces 0, 1 and 2 are one track: 1 was linked at 0.8 after 2 frames, 2 at 0.4 after 5; piece 3 is a track of its own.
POSES = [(0, 0, 0, None), (2, 1, 0, 0.8), (3, 1, 0, 0.9), (8, 2, 0, 0.4), (8, 3, 3, None)]


@pytest.fixture
def links(tmp_path):
    zeros = [0.0] * 17
    rows = [
        {
            **{"video_id": "a", "box_source": "detected", "frame_index": frame, "track_id": track},
            **{"pose_id": pose, "origin": "detected", "x": zeros, "y": zeros, "score": zeros},
            **{"similarity": similarity, "source_track_id": piece},
        }
        for pose, (frame, piece, track, similarity) in enumerate(POSES)
    ]
    write_table(MERGED_TRACKS, rows, MERGED_TRACKS.path(tmp_path, "a"))
    return MergeLinks(EvaluationVideo(Video({"video_id": "a"}, []), "detected", None, np.arange(9), tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("min_similarity", "max_gap", "expected"),
    [
        (0.0, 9, [0, 0, 0, 0, 3]),
        (0.5, 9, [0, 0, 0, 2, 3]),
        (0.0, 4, [0, 0, 0, 2, 3]),
        (0.85, 9, [0, 1, 1, 2, 3]),
        (0.0, 1, [0, 1, 1, 2, 3]),
    ],
)
def test_links_below_the_similarity_or_over_a_wider_gap_are_removed(min_similarity, max_gap, expected, links):
    assert links.kept(min_similarity, max_gap).track_id.tolist() == expected


@pytest.mark.parametrize(
    ("used", "motas", "best"),
    [
        (0.3, {0.1: 5.0, 0.3: 5.0, 0.5: 4.0}, 0.3),  # a tie stays with the one in use
        (0.5, {0.1: 5.0, 0.3: 5.0, 0.5: 4.0}, 0.1),  # among others the lowest
        (0.3, {0.1: np.nan, 0.3: -9.0, 0.5: -7.0}, 0.5),
        (0.3, {0.1: np.nan, 0.3: np.nan}, None),
    ],
)
def test_the_best_value_is_reported_beside_the_one_in_use(used, motas, best):
    chosen = choice(used, list(motas), motas.__getitem__)
    assert (chosen["used"], chosen["best"], chosen["tried"]) == (used, best, sorted(motas))
