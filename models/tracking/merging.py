"""Merging of broken tracks (A.4).

Three poses of track q are propagated to the frame where track p starts, and compared there with the first pose of p
(equation 8). The propagated poses are compared without re-estimation. The paper states neither a threshold nor a
largest gap; both are parameters, chosen on the training split.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.poses.oks import body_keypoints, keypoint_area, oks


@dataclass(frozen=True)
class TrackSpan:
    """One track: its id, and the (n,) frame indices, ascending, and ids of its poses."""

    track_id: int
    frame_index: IntArray
    pose_id: IntArray

    def key_rows(self) -> tuple[int, int, int]:
        """Rows of the start, the centre (the earlier of two) and the end pose; they coincide in short tracks."""
        return 0, (len(self.pose_id) - 1) // 2, len(self.pose_id) - 1


@dataclass(frozen=True)
class MergeRule:
    """Thresholds of merging.

    Attributes:
        max_gap_frames: largest difference between the first frame of the later and the last of the earlier track.
        similarity_threshold: least equation 8 of a merge.
        corr_threshold: propagated keypoints with a lower peak take no part in the OKS.
        joint_threshold: keypoints of the start pose with a lower score take no part in it either.
        min_keypoints: with fewer shared keypoints an OKS is 0.
    """

    max_gap_frames: int
    similarity_threshold: float
    corr_threshold: float
    joint_threshold: float
    min_keypoints: int


class Propagation(NamedTuple):
    """A request to propagate a pose from its frame to a later one."""

    target_frame_index: int
    source_frame_index: int
    source_pose_id: int


class MergeCandidate(NamedTuple):
    """Track q, which ends, and track p, which starts after it."""

    ended_track_id: int
    started_track_id: int


class PropagatedPose(NamedTuple):
    """A propagated pose: x, y (17,2) px, and peaks (17,), 0 to 1; 0 for keypoints that the source pose lacks."""

    xy: FloatArray
    peak: FloatArray


class StartPose(NamedTuple):
    """The first pose of a track: x, y (17,2) px, and scores (17,), 0 to 1."""

    xy: FloatArray
    score: FloatArray


def track_spans(track_id: IntArray, frame_index: IntArray, pose_id: IntArray) -> list[TrackSpan]:
    """Group the rows (N,) of tracks, in any order, to one span per track, by ascending id."""
    order = np.lexsort((frame_index, track_id))
    ids, first = np.unique(track_id[order], return_index=True)
    frames, poses = (np.split(values[order], first[1:]) for values in (frame_index, pose_id))
    return [TrackSpan(int(key), frame, pose) for key, frame, pose in zip(ids, frames, poses, strict=False)]


def merge_candidates(spans: Iterable[TrackSpan], *, max_gap_frames: int) -> list[tuple[TrackSpan, TrackSpan]]:
    """Pairs (q, p) where p starts after q ended, at most `max_gap_frames` later (frame indices' difference)."""
    ordered = sorted(spans, key=lambda span: span.track_id)
    by_start = sorted(ordered, key=lambda span: int(span.frame_index[0]))
    starts = [int(span.frame_index[0]) for span in by_start]
    pairs = []
    for q in ordered:
        end = int(q.frame_index[-1])
        in_reach = by_start[bisect_right(starts, end) : bisect_right(starts, end + max_gap_frames)]
        pairs += [(q, p) for p in sorted(in_reach, key=lambda span: span.track_id)]
    return pairs


def required_propagations(spans: Iterable[TrackSpan], *, max_gap_frames: int) -> list[Propagation]:
    """Propagations that equation 8 needs for all candidate pairs: each once, sorted by target, then source frame."""
    candidates = merge_candidates(spans, max_gap_frames=max_gap_frames)
    return sorted({propagation for q, p in candidates for propagation in _propagations(q, p)})


def _propagations(q: TrackSpan, p: TrackSpan) -> tuple[Propagation, ...]:
    target = int(p.frame_index[0])
    return tuple(Propagation(target, int(q.frame_index[row]), int(q.pose_id[row])) for row in q.key_rows())


def match_similarity(
    propagated_xy: FloatArray,
    propagated_valid: BoolArray,
    start: StartPose,
    *,
    joint_threshold: float,
    min_keypoints: int,
) -> float:
    """Equation 8: the mean OKS of the three propagated poses with the start pose of the other track.

    Args:
        propagated_xy: (3,17,2) px: start, centre and end pose of track q in the frame where p starts.
        propagated_valid: (3,17) keypoints that were propagated, by their peaks; ears never count.
        start: the first pose of p; its keypoint area is the person's size.
        joint_threshold: keypoints of `start` below it take no part.
        min_keypoints: with fewer shared keypoints the OKS of a propagated pose is 0.

    Returns:
        0 to 1.
    """
    detected = body_keypoints(start.score, joint_threshold)
    shared = propagated_valid & detected
    size = keypoint_area(start.xy, detected)
    values = oks(propagated_xy, start.xy[None], valid=shared[:, None], area=size)[:, 0]
    return float(np.where(shared.sum(axis=-1) >= min_keypoints, values, 0.0).mean())


def match_similarities(
    spans: Sequence[TrackSpan],
    propagated: Mapping[Propagation, PropagatedPose],
    start_pose: Callable[[int], StartPose],
    *,
    rule: MergeRule,
) -> dict[MergeCandidate, float]:
    """Equation 8 for every candidate pair.

    Args:
        spans: all tracks of the video.
        propagated: a pose for each of `required_propagations`.
        start_pose: the pose of an id; called for the first pose of each later track.
        rule: thresholds.
    """
    similarities = {}
    for q, p in merge_candidates(spans, max_gap_frames=rule.max_gap_frames):
        poses = [propagated[propagation] for propagation in _propagations(q, p)]
        peak = np.stack([pose.peak for pose in poses])
        similarities[MergeCandidate(q.track_id, p.track_id)] = match_similarity(
            np.stack([pose.xy for pose in poses]),
            (peak > 0) & (peak >= rule.corr_threshold),
            start_pose(int(p.pose_id[0])),
            joint_threshold=rule.joint_threshold,
            min_keypoints=rule.min_keypoints,
        )
    return similarities


def merge_tracks(
    spans: Iterable[TrackSpan], similarities: Mapping[MergeCandidate, float], *, similarity_threshold: float
) -> dict[int, int]:
    """Merge the tracks of each person greedily by similarity; a track has at most one predecessor and one successor.

    Since a successor starts after its predecessor has ended, the tracks of a chain never overlap in time.

    Args:
        spans: all tracks.
        similarities: equation 8 of the candidate pairs; ties go to the smaller track ids.
        similarity_threshold: pairs below it, and pairs without any evidence (0), are not merged.

    Returns:
        For every track its id after merging: that of the first track of its chain.
    """
    predecessor: dict[int, int] = {}
    followed: set[int] = set()
    for pair in sorted(similarities, key=lambda pair: (-similarities[pair], pair)):
        q, p = pair
        if similarities[pair] < similarity_threshold or similarities[pair] <= 0:
            break
        if q not in followed and p not in predecessor:
            predecessor[p] = q
            followed.add(q)
    return {span.track_id: _first_of_chain(span.track_id, predecessor) for span in spans}


def _first_of_chain(track_id: int, predecessor: Mapping[int, int]) -> int:
    while track_id in predecessor:
        track_id = predecessor[track_id]
    return track_id
