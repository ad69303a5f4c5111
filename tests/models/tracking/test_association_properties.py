"""What holds for any video: each pose once, no track twice in a frame, no dependence on order, monotone thresholds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.poses.frame_poses import FramePoses, VideoPoses
from models.tracking.assignment import assign
from models.tracking.association import SimilarityMatcher, associate_poses
from models.tracking.correspondences import Affinities, PropagatedPoses
from models.tracking.duplicates import DuplicateRule, find_duplicates
from models.tracking.released import ReleasedMatcher, ReleasedRule
from models.tracking.similarity import CorrespondenceSimilarity, OksSimilarity, PropagatedOksSimilarity, ReidSimilarity


def random_video(seed: int, frame_count: int = 5, most_poses: int = 5):
    """Rows of a video: poses near each other, affinities and correspondences with many ties."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(frame_count), rng.integers(0, most_poses + 1, frame_count))
    pose_id = rng.permutation(len(frame))
    xy = rng.integers(0, 3, (len(frame), 1, 2)) * 10.0 + rng.random((17, 2)) * 50
    score = rng.choice([0.05, 0.5, 0.9], (len(frame), 17))
    q, p = np.nonzero((frame[None] > frame[:, None]) & (frame[None] - frame[:, None] <= 3))
    values = rng.choice([0.1, 0.4, 0.9], (len(q), 1)) * np.ones(17)
    pairs = (pose_id[q], frame[p], pose_id[p], values)
    s, f = np.nonzero((np.arange(frame_count)[None] > frame[:, None]) & (frame[:, None] >= 0))
    propagated = (pose_id[s], f, xy[s] + rng.integers(0, 2, (len(s), 1, 2)), rng.choice([0.1, 0.9], (len(s), 17)))
    return frame_count, (frame, pose_id, xy, score), pairs, propagated


def shuffled(video, seed: int):
    """The same rows in another order."""
    rng = np.random.default_rng(seed)
    frame_count, *tables = video
    return frame_count, *(
        tuple(column[order] for column in t) for t in tables for order in [rng.permutation(len(t[0]))]
    )


def tracks_of(video, method: str, assignment: str = "greedy", lost: int = 1, shortest: int = 1):
    frame_count, (frame, pose_id, xy, score), pairs, propagated_rows = video
    frames = [FramePoses(f, *(column[frame == f] for column in (pose_id, xy, score))) for f in range(frame_count)]
    poses, affinities, propagated = VideoPoses(frames), Affinities(*pairs), PropagatedPoses(*propagated_rows)
    overlap = PropagatedOksSimilarity(propagated, poses, 0.3, 0.1, min_keypoints=1)
    similarity = {
        "correspondence": lambda: CorrespondenceSimilarity(affinities, poses, 0.3, 0.1),
        "oks": lambda: OksSimilarity(poses, 0.1),
        "flow": lambda: overlap,
        "reid": lambda: ReidSimilarity(pose_id, np.stack([pose_id % 3, pose_id % 2, np.ones(len(pose_id))], axis=-1)),
    }
    if method == "released":
        rule = ReleasedRule(0.1, 0.3, 0.2, 2, 10.0, 0.6)
        matcher = ReleasedMatcher(affinities, propagated, poses, 200, 200, rule)
    else:
        matcher = SimilarityMatcher(similarity[method](), 0.3, assignment, DuplicateRule(overlap, 0.6, 0.8))
    return associate_poses(frames[::-1], matcher, min_track_frames=shortest, max_lost_frames=lost)


METHODS = ["correspondence", "oks", "flow", "reid", "released"]


@pytest.mark.parametrize("assignment", ["greedy", "hungarian"])
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), shortest=st.integers(1, 3))
def test_each_pose_is_in_one_track_or_dropped_and_no_track_is_twice_in_a_frame(method, assignment, seed, shortest):
    video = random_video(seed)
    tracks = tracks_of(video, method, assignment, shortest=shortest)
    everywhere = sorted([*tracks.pose_id.tolist(), *(pose.pose_id for pose in tracks.dropped)])
    assert everywhere == sorted(video[1][1].tolist())
    pairs = list(zip(tracks.track_id.tolist(), tracks.frame_index.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    ids, lengths = np.unique(tracks.track_id, return_counts=True)
    assert ids.tolist() == list(range(len(ids))) and (lengths >= shortest).all()
    assert np.isnan(tracks.similarity).sum() == len(ids)


@pytest.mark.parametrize("assignment", ["greedy", "hungarian"])
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), order=st.integers(0, 99))
def test_shuffled_rows_give_the_same_tracks(method, assignment, seed, order):
    video = random_video(seed)
    ordered, mixed = (tracks_of(rows, method, assignment) for rows in (video, shuffled(video, order)))
    for name in ("frame_index", "pose_id", "track_id", "similarity"):
        assert np.array_equal(getattr(ordered, name), getattr(mixed, name), equal_nan=name == "similarity")
    assert ordered.dropped == mixed.dropped


@given(seed=st.integers(0, 2**32 - 1), low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_higher_similarity_threshold_takes_pairs_away_and_adds_none(seed, low, high):
    low, high = sorted((low, high))
    matrix = np.random.default_rng(seed).choice(np.linspace(0, 1, 11), (5, 6))
    loose, strict = (
        set(zip(*(axis.tolist() for axis in assign(matrix, min_similarity=t, assignment="greedy")), strict=True))
        for t in (low, high)
    )
    assert strict <= loose


@given(seed=st.integers(0, 2**32 - 1))
def test_hungarian_is_never_worse_in_sum_than_greedy(seed):
    matrix = np.random.default_rng(seed).random((5, 4))
    greedy, hungarian = (
        sum(matrix[pairs.row, pairs.column])
        for pairs in (assign(matrix, min_similarity=0.3, assignment=name) for name in ("greedy", "hungarian"))
    )
    assert hungarian >= greedy - 1e-12


@given(seed=st.integers(0, 2**32 - 1), names=st.sampled_from(["duplicate_oks", "duplicate_ratio"]))
def test_higher_duplicate_thresholds_drop_no_more(seed, names):
    rng = np.random.default_rng(seed)
    overlap, similarity, matched = rng.random((2, 6)), rng.random((2, 6)), rng.permutation(6)[:2]
    counts = [
        (
            find_duplicates(overlap, similarity, matched, **{"duplicate_oks": 0.3, "duplicate_ratio": 0.3, names: t})
            >= 0
        ).sum()
        for t in (0.0, 0.3, 0.6, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)


def test_a_pair_without_evidence_is_never_matched_whatever_the_threshold():
    for assignment in ("greedy", "hungarian"):
        assert len(assign(np.array([[0.0, -0.5]]), min_similarity=0.0, assignment=assignment).row) == 0
