"""Scripted scenes with written answers: who is in which track, frame by frame."""

import numpy as np
import pytest

from models.keypoints import EARS
from models.poses.frame_poses import FramePoses
from models.tracking.association import DroppedPose, SimilarityMatcher, associate_poses, drop_poses
from models.tracking.duplicates import DuplicateRule
from models.tracking.released import ReleasedMatcher, ReleasedRule
from models.tracking.similarity import (
    CorrespondenceSimilarity,
    OksSimilarity,
    PropagatedOksSimilarity,
    ReidSimilarity,
)

RELEASED = ReleasedRule(
    joint_threshold=0.1, corr_threshold=0.3, oks_threshold=0.2, min_keypoints=2, box_margin_px=10, duplicate_ratio=0.6
)


def equation_6(script, **options):
    return CorrespondenceSimilarity(script.affinities(**options), script.poses, tau=0.3, query_keypoint_threshold=0.1)


def track(script, similarity, *, duplicates=None, min_similarity=0.3, assignment="greedy", lost=0, shortest=1):
    matcher = SimilarityMatcher(similarity, min_similarity, assignment, duplicates)
    return associate_poses(script.frames, matcher, min_track_frames=shortest, max_lost_frames=lost)


def by_track(tracks) -> list[list[int]]:
    """Pose ids of each track, by track id."""
    return [tracks.pose_id[tracks.track_id == key].tolist() for key in np.unique(tracks.track_id)]


def by_person(tracks) -> list[list[tuple[int, int]]]:
    """The same as pairs of frame and person."""
    return [[divmod(pose, 100) for pose in poses] for poses in by_track(tracks)]


def duplicates(script, truth=None, **options):
    overlap = PropagatedOksSimilarity(script.propagated(truth), script.poses, 0.3, 0.1, min_keypoints=3)
    return DuplicateRule(overlap, **{"duplicate_oks": 0.3, "duplicate_ratio": 0.6} | options)


@pytest.fixture
def crossing(scene):
    """Two persons walk through each other in three frames, 60 px a frame; in the middle one they stand together."""
    return scene([{0: (60.0 * f, 0), 1: (240 - 60.0 * f, 0)} for f in range(5)])


@pytest.mark.parametrize("assignment", ["greedy", "hungarian"])
def test_two_persons_who_cross_keep_their_tracks(crossing, assignment):
    tracks = track(crossing, equation_6(crossing), assignment=assignment)
    assert by_person(tracks) == [[(f, 0) for f in range(5)], [(f, 1) for f in range(5)]]


def test_oks_loses_them_where_they_move_too_far(crossing):
    tracks = track(crossing, OksSimilarity(crossing.poses, joint_threshold=0.1))
    assert len(by_track(tracks)) == 10 and np.isnan(tracks.similarity).all()


def test_released_rule_keeps_them_too(crossing):
    matcher = ReleasedMatcher(crossing.affinities(), crossing.propagated(), crossing.poses, 640, 480, RELEASED)
    tracks = associate_poses(crossing.frames, matcher, min_track_frames=3, max_lost_frames=0)
    assert by_person(tracks) == [[(f, 0) for f in range(5)], [(f, 1) for f in range(5)]]


def test_look_alikes_that_stand_apart_are_distinguished_by_affinities_at_their_positions(scene):
    script = scene([{0: (0, 0), 1: (300.0, 0)} for _ in range(4)], looks={0: 7, 1: 7})
    tracks = track(script, equation_6(script))
    assert by_person(tracks) == [[(f, 0) for f in range(4)], [(f, 1) for f in range(4)]]


def test_equal_evidence_goes_to_the_smallest_ids(scene):
    """Person 2 appears at once with two look-alikes of which one has left: the first pose id wins the tie."""
    script = scene([{0: (0, 0)}, {1: (50.0, 0), 2: (300.0, 0)}], looks={0: 7, 1: 7, 2: 7})
    assert by_person(track(script, equation_6(script))) == [[(0, 0), (1, 1)], [(1, 2)]]


def test_appearance_follows_a_person_whom_reid_knows(scene):
    script = scene([{0: (0, 0), 1: (90.0, 0)}, {0: (90.0, 0), 1: (0, 0)}])
    similarity = ReidSimilarity(np.array([0, 1, 100, 101]), np.array([[1.0, 0], [0, 1], [0.9, 0.1], [0.1, 0.9]]))
    assert by_person(track(script, similarity)) == [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]


def test_a_person_missed_for_two_frames_starts_anew(scene):
    script = scene([{0: (0, 0)}, {}, {}, {0: (0, 0)}])
    assert by_track(track(script, equation_6(script))) == [[0], [300]]


@pytest.mark.parametrize(("lost", "expected"), [(0, [[0], [300]]), (1, [[0], [300]]), (2, [[0, 300]])])
def test_a_lost_track_goes_on_within_max_lost_frames(scene, lost, expected):
    script = scene([{0: (0, 0)}, {}, {}, {0: (0, 0)}])
    assert by_track(track(script, equation_6(script), lost=lost)) == expected


def test_previous_frame_means_the_previous_of_the_given_frames(scene):
    """Annotated boxes exist on every second frame only; the frames between are not given."""
    script = scene([{0: (0, 0)}, {}, {0: (0, 0)}, {}, {0: (0, 0)}])
    matcher = SimilarityMatcher(equation_6(script), 0.3, "greedy", None)
    tracks = associate_poses(script.frames[::2], matcher, min_track_frames=1, max_lost_frames=0)
    assert by_track(tracks) == [[0, 200, 400]]


def test_short_tracks_are_dropped_with_their_reason(scene):
    script = scene([{0: (0, 0), 1: (300, 0)}, {0: (0, 0), 1: (300, 0)}, {0: (0, 0)}])
    tracks = track(script, equation_6(script), shortest=3)
    assert by_person(tracks) == [[(0, 0), (1, 0), (2, 0)]]
    assert tracks.dropped == (DroppedPose(0, 1, "short track"), DroppedPose(1, 101, "short track"))


@pytest.fixture
def duplicated(scene):
    """One person; in frame 1 the detector gives a second box, 6 px beside, that looks the same."""
    return scene([{0: (0, 0)}, {0: (0, 0), 1: (6.0, 0)}, {0: (0, 0)}], looks={0: 5, 1: 5})


def test_a_duplicate_starts_a_track_of_its_own_without_duplicate_removal(duplicated):
    assert by_person(track(duplicated, equation_6(duplicated))) == [[(0, 0), (1, 0), (2, 0)], [(1, 1)]]


def test_a_duplicate_starts_no_track(duplicated):
    tracks = track(duplicated, equation_6(duplicated), duplicates=duplicates(duplicated))
    assert by_person(tracks) == [[(0, 0), (1, 0), (2, 0)]]
    assert tracks.dropped == (DroppedPose(1, 101, "duplicate", 100),)


def test_released_rule_drops_the_duplicate_too(duplicated):
    matcher = ReleasedMatcher(duplicated.affinities(), duplicated.propagated(), duplicated.poses, 640, 480, RELEASED)
    tracks = associate_poses(duplicated.frames, matcher, min_track_frames=3, max_lost_frames=0)
    assert by_person(tracks) == [[(0, 0), (1, 0), (2, 0)]]
    assert tracks.dropped == (DroppedPose(1, 101, "duplicate", 100),)


def test_a_newcomer_beside_a_tracked_person_is_no_duplicate(scene):
    """Same look, too far away; and as near, other look: neither is a second pose of the person."""
    far = scene([{0: (0, 0)}, {0: (0, 0), 1: (90.0, 0)}], looks={0: 5, 1: 5})
    other = scene([{0: (0, 0)}, {0: (0, 0), 1: (6.0, 0)}])
    for script in (far, other):
        tracks = track(script, equation_6(script), duplicates=duplicates(script))
        assert by_person(tracks) == [[(0, 0), (1, 0)], [(1, 1)]] and not tracks.dropped


def test_duplicate_removal_works_with_oks(duplicated):
    similarity = OksSimilarity(duplicated.poses, joint_threshold=0.1)
    rule = DuplicateRule(similarity, duplicate_oks=0.3, duplicate_ratio=0.3)
    assert by_person(track(duplicated, similarity, duplicates=rule)) == [[(0, 0), (1, 0), (2, 0)]]


def test_a_frame_without_persons_ends_the_tracks_and_nothing_else(scene):
    script = scene([{0: (0, 0)}, {}, {0: (0, 0)}])
    assert by_track(track(script, equation_6(script))) == [[0], [200]]


def test_a_video_of_one_frame(scene):
    script = scene([{0: (0, 0), 1: (200.0, 0)}])
    tracks = track(script, OksSimilarity(script.poses, 0.1))
    assert by_track(tracks) == [[0], [1]] and np.isnan(tracks.similarity).all()
    assert len(track(script, OksSimilarity(script.poses, 0.1), shortest=2)) == 0


def test_a_video_without_any_pose(scene):
    script = scene([{}, {}])
    assert len(track(script, OksSimilarity(script.poses, 0.1), shortest=3)) == 0


@pytest.mark.parametrize("assignment", ["greedy", "hungarian"])
def test_eighty_persons_and_more_keep_their_tracks(scene, assignment):
    script = scene([{p: (30.0 * p, 3.0 * f) for p in range(99)} for f in range(4)])
    tracks = track(script, equation_6(script, max_gap=1), assignment=assignment, duplicates=duplicates(script))
    assert by_person(tracks) == [[(f, p) for f in range(4)] for p in range(99)]


def test_greedy_takes_the_best_pair_and_hungarian_the_best_sum(scene):
    """Track 0 fits both poses, track 1 fits pose 0 a little less and pose 1 not at all."""
    script = scene([{0: (0, 0), 1: (9, 0)}, {0: (0, 0), 1: (9, 0)}])
    matrix = np.array([[0.9, 0.8], [0.85, 0.0]])

    def similarity(source, target):
        return matrix[np.ix_(source, np.arange(len(target)))] if len(source) else np.zeros((0, len(target)))

    assert by_track(track(script, similarity)) == [[0, 100], [1], [101]]
    assert by_track(track(script, similarity, assignment="hungarian")) == [[0, 101], [1, 100]]


def test_released_rule_needs_two_keypoints_to_start_a_track(scene):
    frame = FramePoses(0, np.array([0, 1]), np.zeros((2, 17, 2)), np.zeros((2, 17)))
    frame.score[0, [0, 5]] = 0.9
    frame.score[1, [0, *EARS]] = 0.9
    script = scene([{0: (0, 0)}, {0: (0, 0)}])
    matcher = ReleasedMatcher(script.affinities(), script.propagated(), script.poses, 640, 480, RELEASED)
    tracks = associate_poses([frame], matcher, min_track_frames=1, max_lost_frames=0)
    assert by_track(tracks) == [[0]] and tracks.dropped == (DroppedPose(0, 1, "too few keypoints"),)


def test_the_output_threshold_shortens_tracks_and_numbers_the_rest_from_zero(scene):
    script = scene([{0: (0, 0), 1: (300, 0), 2: (600, 0)} for _ in range(3)])
    tracks = track(script, equation_6(script))
    keep = ~np.isin(tracks.pose_id, [0, 101])
    shown = drop_poses(tracks, keep, reason="no keypoint above the output threshold", min_track_frames=2)
    assert by_person(shown) == [[(0, 1), (2, 1)], [(0, 2), (1, 2), (2, 2)], [(1, 0), (2, 0)]]
    assert [np.isnan(shown.similarity[shown.track_id == key]).tolist() for key in range(3)] == [
        [True, False],
        [True, False, False],
        [True, False],
    ]
    assert {pose.pose_id: pose.reason for pose in shown.dropped} == {
        0: "no keypoint above the output threshold",
        101: "no keypoint above the output threshold",
    }
