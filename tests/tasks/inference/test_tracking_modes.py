"""Two persons swap sides while their keypoints are found beside their positions: what each mode makes of it."""

import numpy as np
import pytest

from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.correspondences import Affinities, PropagatedPoses
from tasks.inference.evidence import Evidence
from tasks.inference.tracking import associate, matcher_of

FIGURE = np.stack([20 * np.cos(np.arange(17) * 2.4), 5 * np.arange(17.0)], axis=-1)
LEFT, RIGHT = FIGURE, FIGURE + np.array([60.0, 0.0])
SLIP = np.array([6.0, 0.0])
"""How far from its position each keypoint of frame 1 is found: outside the peak of a map, still on the person."""


def evidence() -> Evidence:
    """Poses 0 (left) and 1 (right) in frame 0; in frame 1 pose 10 is person 1, now left, and pose 11 person 0."""
    sure = np.ones((2, 17))
    frames = [
        FramePoses(0, np.array([0, 1]), np.stack([LEFT, RIGHT]), sure),
        FramePoses(1, np.array([10, 11]), np.stack([LEFT + SLIP, RIGHT + SLIP]), sure),
    ]
    affinity = np.full((4, 17), 0.05)  # the maps' peaks are missed by SLIP
    affinity[[0, 3], 5] = 0.9  # one shoulder lies on a wrong second peak
    pairs = np.array([[0, 10], [0, 11], [1, 10], [1, 11]])
    return Evidence(
        poses=VideoPoses(frames),
        recovered=frozenset(),
        affinities={"refined": Affinities(pairs[:, 0], np.ones(4), pairs[:, 1], affinity)},
        propagated={"refined": PropagatedPoses(np.array([0, 1]), np.ones(2), np.stack([RIGHT, LEFT]), sure)},
        width=200,
        height=100,
    )


@pytest.mark.parametrize(
    ("mode", "same_person"),
    [
        pytest.param("paper", [{0, 10}, {1, 11}], id="one high affinity decides where all others are below tau"),
        pytest.param(
            "propagated", [{0, 11}, {1, 10}], id="a propagated pose lies near the person whatever its keypoints"
        ),
    ],
)
def test_badly_placed_keypoints(params, mode, same_person):
    section = params.track.model_copy(update={"mode": mode, "maps": "refined", "min_track_frames": 1})
    tracks = associate(evidence(), matcher_of(evidence(), section), section)
    by_track = [set(tracks.pose_id[tracks.track_id == track_id].tolist()) for track_id in np.unique(tracks.track_id)]
    assert sorted(by_track, key=min) == same_person


@pytest.mark.parametrize(
    ("min_track_frames", "notices"),
    [(3, ["3 poses are left out as tracks of fewer than 3 frames, 6 are in tracks"]), (1, [])],
)
def test_many_poses_in_short_tracks_are_explained(corpus, params, change, min_track_frames, notices):
    corpus.video("a", 6)
    corpus.two_walkers("a", 6, missed=[(1, 0), (3, 0), (5, 0)])  # the second walker is seen in every other frame
    corpus.write()
    params = change(params, recover={"corr_threshold": 1.0}, track={"min_track_frames": min_track_frames})
    params = change(params, detect={"box_sources": ["detected"]})
    progress = corpus.run(params, "estimate", "recover", "track")
    assert [text.partition(":")[0] for text in progress.notices] == notices
