"""Track merging (A.4): equation 8, exits and re-entries, chains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tracking.merging import (
    MergeCandidate,
    MergeRule,
    PropagatedPose,
    Propagation,
    StartPose,
    TrackSpan,
    match_similarities,
    match_similarity,
    merge_candidates,
    merge_tracks,
    required_propagations,
    track_spans,
)

FIGURE = np.stack([20 * np.cos(np.arange(17) * 2.4), 5 * np.arange(17.0)], axis=-1)
SURE, ABSENT = np.full(17, 0.9), np.full(17, 0.05)
RULE = MergeRule(max_gap_frames=10, similarity_threshold=0.5, corr_threshold=0.3, joint_threshold=0.1, min_keypoints=3)


def span(track_id: int, *frames: int) -> TrackSpan:
    """A track whose pose ids are 100 * frame + track_id."""
    return TrackSpan(track_id, np.array(frames), np.array([100 * f + track_id for f in frames]))


def merge(spans, arrives) -> dict[int, int]:
    """Merge tracks of figures that all start at the origin; `arrives[q]` is where and how surely q's poses arrive."""
    wanted = required_propagations(spans, max_gap_frames=RULE.max_gap_frames)
    propagated = {
        key: PropagatedPose(FIGURE + arrives[key.source_pose_id % 100][0], arrives[key.source_pose_id % 100][1])
        for key in wanted
    }
    similarities = match_similarities(spans, propagated, lambda _: StartPose(FIGURE, SURE), rule=RULE)
    return merge_tracks(spans, similarities, similarity_threshold=RULE.similarity_threshold)


def test_equation_8_is_the_mean_over_start_centre_and_end_pose():
    propagated = np.stack([FIGURE, FIGURE + 1000, FIGURE])
    value = match_similarity(
        propagated, np.ones((3, 17), dtype=bool), StartPose(FIGURE, SURE), joint_threshold=0.1, min_keypoints=3
    )
    assert value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("keypoints", "expected"),
    [
        pytest.param([0, 5, 6], 1.0, id="three keypoints are enough"),
        pytest.param([0, 5], 0.0, id="two are too few"),
        pytest.param([0, 5, 3], 0.0, id="ears do not count"),
    ],
)
def test_equation_8_needs_three_keypoints(keypoints, expected):
    valid = np.tile(np.isin(np.arange(17), keypoints), (3, 1))
    start = StartPose(FIGURE, SURE)
    value = match_similarity(np.stack([FIGURE] * 3), valid, start, joint_threshold=0.1, min_keypoints=3)
    assert value == pytest.approx(expected)


def test_a_person_who_left_and_came_back_is_one_track_again():
    assert merge([span(0, 0, 1, 2), span(1, 8, 9)], {0: ((0, 0), SURE)}) == {0: 0, 1: 0}


@pytest.mark.parametrize(
    ("ended", "started", "arrival"),
    [
        pytest.param((0, 1, 2), (8, 9), ((0, 0), ABSENT), id="another person at the same position"),
        pytest.param((0, 1, 2), (8, 9), ((300, 0), SURE), id="the person came back elsewhere"),
        pytest.param((0, 1, 2), (13, 14), ((0, 0), SURE), id="too long ago"),
        pytest.param((0, 1, 8), (8, 9), ((0, 0), SURE), id="both in frame 8"),
        pytest.param((0, 1, 20), (8, 9), ((0, 0), SURE), id="inside the gap of the other"),
    ],
)
def test_other_tracks_stay_apart(ended, started, arrival):
    assert merge([span(0, *ended), span(1, *started)], {0: arrival, 1: ((0, 0), ABSENT)}) == {0: 0, 1: 1}


def test_the_largest_gap_still_merges():
    assert merge([span(0, 2), span(1, 12)], {0: ((0, 0), SURE)}) == {0: 0, 1: 0}


def test_chains_end_at_their_first_track():
    spans = [span(5, 0), span(3, 2), span(9, 4)]
    assert merge(spans, dict.fromkeys((5, 3, 9), ((0, 0), SURE))) == {5: 5, 3: 5, 9: 5}


def test_a_track_has_one_successor_and_the_best_pair_goes_first():
    spans = [span(0, 0), span(1, 5), span(2, 5), span(3, 9)]
    similarities = {MergeCandidate(0, 1): 0.7, MergeCandidate(0, 2): 0.8, MergeCandidate(2, 3): 0.6}
    assert merge_tracks(spans, similarities, similarity_threshold=0.5) == {0: 0, 1: 1, 2: 0, 3: 0}


def test_equal_similarities_go_to_the_smaller_ids():
    spans = [span(0, 0), span(1, 0), span(2, 5)]
    similarities = {MergeCandidate(1, 2): 0.7, MergeCandidate(0, 2): 0.7}
    assert merge_tracks(spans, similarities, similarity_threshold=0.5) == {0: 0, 1: 1, 2: 0}


def test_only_what_equation_8_needs_is_propagated_and_each_once():
    spans = [span(0, 0, 1, 2, 3), span(1, 6, 7), span(2, 6), span(3, 30)]
    assert required_propagations(spans, max_gap_frames=10) == [
        Propagation(6, 0, 0),
        Propagation(6, 1, 100),
        Propagation(6, 3, 300),
    ]


def test_a_track_of_one_pose_is_propagated_once():
    assert required_propagations([span(0, 0), span(1, 2)], max_gap_frames=10) == [Propagation(2, 0, 0)]


def test_a_video_without_tracks_has_nothing_to_merge():
    nothing = np.zeros(0, dtype=np.int64)
    assert track_spans(nothing, nothing, nothing) == [] and merge([], {}) == {}


@st.composite
def broken_tracks(draw):
    """Spans with gaps, and similarities of some of the pairs that may be merged."""
    starts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=8))
    spans = [span(key, *range(start, start + draw(st.integers(1, 6)))) for key, start in enumerate(starts)]
    pairs = merge_candidates(spans, max_gap_frames=12)
    similarities = {
        MergeCandidate(q.track_id, p.track_id): draw(st.sampled_from([0.0, 0.4, 0.5, 0.7, 0.7, 0.9])) for q, p in pairs
    }
    return spans, similarities


@given(broken_tracks(), st.integers(1, 12))
def test_a_track_that_starts_within_the_gap_after_the_end_is_a_candidate(case, gap):
    spans, _ = case
    gaps = {(q.track_id, p.track_id): p.frame_index[0] - q.frame_index[-1] for q in spans for p in spans}
    pairs = [(q.track_id, p.track_id) for q, p in merge_candidates(reversed(spans), max_gap_frames=gap)]
    assert pairs == [pair for pair, frames in gaps.items() if 0 < frames <= gap]


@given(broken_tracks())
def test_merging_adds_no_pose_and_never_puts_a_track_twice_in_a_frame(case):
    spans, similarities = case
    merged = merge_tracks(spans, similarities, similarity_threshold=0.5)
    assert set(merged) == {span.track_id for span in spans}
    assert all(merged[target] == target for target in merged.values())
    pairs = [(merged[span.track_id], frame) for span in spans for frame in span.frame_index.tolist()]
    assert len(set(pairs)) == len(pairs)


@given(broken_tracks(), st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_the_order_of_its_input(case, random):
    spans, similarities = case
    shuffled_spans, shuffled_pairs = list(spans), list(similarities.items())
    random.shuffle(shuffled_spans)
    random.shuffle(shuffled_pairs)
    expected = merge_tracks(spans, similarities, similarity_threshold=0.5)
    assert merge_tracks(shuffled_spans, dict(shuffled_pairs), similarity_threshold=0.5) == expected


@given(broken_tracks())
def test_a_higher_threshold_merges_no_more(case):
    spans, similarities = case
    counts = [len(set(merge_tracks(spans, similarities, similarity_threshold=t).values())) for t in (0.3, 0.6, 0.8, 1)]
    assert counts == sorted(counts)


@given(broken_tracks(), st.randoms(use_true_random=False))
def test_spans_are_read_from_rows_in_any_order(case, random):
    spans, _ = case
    rows = [(s2.track_id, f, p) for s2 in spans for f, p in zip(s2.frame_index, s2.pose_id, strict=True)]
    random.shuffle(rows)
    read = track_spans(*np.array(rows, dtype=np.int64).T)
    assert [(s2.track_id, s2.pose_id.tolist()) for s2 in read] == [(s.track_id, s.pose_id.tolist()) for s in spans]
