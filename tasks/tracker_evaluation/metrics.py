"""Metrics of tracks against the ground truth, from arrays, without a file in between."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from models.keypoints import POSEVAL_FROM_POSETRACK, POSEVAL_JOINTS
from models.metrics.average_precision import (
    LabelledPredictions,
    average_precision,
    label_predictions,
)
from models.metrics.clear_mot import MotCounts, clear_mot, count_events, no_counts
from models.metrics.sequence import FrameBlock, Sequence, UndefinedMetricError, frame_blocks
from tasks.formats.points import PointFile
from tasks.scoring.poseval_view import poseval_sequence

_GROUPS: Final = {
    "Head": ("head_top", "head_bottom", "nose"),
    "Shou": ("left_shoulder", "right_shoulder"),
    "Elb": ("left_elbow", "right_elbow"),
    "Wri": ("left_wrist", "right_wrist"),
    "Hip": ("left_hip", "right_hip"),
    "Knee": ("left_knee", "right_knee"),
    "Ankl": ("left_ankle", "right_ankle"),
}
"""poseval's columns, each the mean of its joints."""


@dataclass(frozen=True)
class TrackedPoses:
    """Poses with identities, N rows in PoseTrack order of the keypoints."""

    frame: IntArray
    """Frame of the annotation file, (N,)."""
    track_id: IntArray
    """(N,)."""
    xy: FloatArray
    """Pixels, (N, 17, 2)."""
    score: FloatArray
    """(N, 17)."""


@dataclass(frozen=True)
class TrackingMetrics:
    """The metrics of the paper's tables, percent and counts; NaN where undefined."""

    mean_ap: float
    mota: float
    switches: int
    group_ap: dict[str, float]


@dataclass(frozen=True)
class VideoScore:
    """The parts of one video from which the metrics of any set of videos are computed."""

    evidence: LabelledPredictions
    """Of average precision."""
    counts: MotCounts
    """Zeros where CLEAR MOT is undefined."""


def score_tracks(
    pairs: Iterable[tuple[str, PointFile, TrackedPoses]], *, output_keypoint_threshold: float
) -> TrackingMetrics:
    """poseval's AP and CLEAR MOT over sequences of (name, ground truth, tracks).

    Keypoints below `output_keypoint_threshold` are not part of the answer. A sequence whose MOTA is undefined counts
    for AP only.
    """
    return metrics_of([score_video(*pair, output_keypoint_threshold=output_keypoint_threshold) for pair in pairs])


def score_video(
    name: str, truth: PointFile, tracks: TrackedPoses, *, output_keypoint_threshold: float, corrected: bool = False
) -> VideoScore:
    """Evidence and events of one sequence (see `score_tracks`); `corrected` leaves out poseval's oddities of MOTA."""
    predicted = predicted_points(truth, tracks, output_keypoint_threshold=output_keypoint_threshold)
    sequence = poseval_sequence(name, truth, predicted, sequence_index=0)
    blocks = list(frame_blocks(sequence))
    return VideoScore(label_predictions(sequence, blocks), _events(sequence, blocks, corrected=corrected))


def metrics_of(scores: Iterable[VideoScore]) -> TrackingMetrics:
    """The metrics over some videos; a video may be given more than once."""
    scores = list(scores)
    precision = average_precision([score.evidence for score in scores]).ap
    counts = sum((score.counts for score in scores), no_counts())
    return TrackingMetrics(
        float(precision[-1]), float(clear_mot(counts).mota[-1]), int(counts.switches.sum()), _group_means(precision)
    )


def predicted_points(truth: PointFile, tracks: TrackedPoses, *, output_keypoint_threshold: float) -> PointFile:
    """The tracks as the prediction file of `truth`, by frame, then identity; poses without a keypoint are left out."""
    score = tracks.score[:, POSEVAL_FROM_POSETRACK]
    shown = score >= output_keypoint_threshold
    order = np.lexsort((tracks.track_id, tracks.frame))
    order = order[shown[order].any(axis=1)]
    person, joint = np.nonzero(shown[order])
    xy = tracks.xy[:, POSEVAL_FROM_POSETRACK][order]
    count = len(order)
    return PointFile(
        source="tracks",
        frame_names=truth.frame_names,
        person_frame=tracks.frame[order],
        person_position=np.arange(count),
        track_id=tracks.track_id[order].astype(np.float64),
        head_xyxy=np.full((count, 4), np.nan),
        has_head=np.zeros(count, dtype=bool),
        has_points=np.ones(count, dtype=bool),
        point_person=person,
        point_joint=joint,
        point_xy=xy[person, joint],
        point_score=score[order][person, joint],
    )


def _events(sequence: Sequence, blocks: list[FrameBlock], *, corrected: bool) -> MotCounts:
    try:
        return count_events(sequence, blocks, corrected=corrected)
    except UndefinedMetricError:
        return no_counts()


def _group_means(values: FloatArray) -> dict[str, float]:
    return {
        group: float(np.mean([values[POSEVAL_JOINTS.index(name)] for name in names]))
        for group, names in _GROUPS.items()
    }
