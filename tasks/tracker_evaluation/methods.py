"""The tracking methods of Table 2: each a similarity of poses, and the OKS that duplicate removal reads beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from models.arrays import FloatArray
from models.poses.frame_poses import VideoPoses
from models.tracking.association import Tracks
from models.tracking.correspondences import PropagatedPoses
from models.tracking.similarity import OksSimilarity, PropagatedOksSimilarity, Similarity
from tasks.inference.evidence import Evidence
from tasks.inference.tracking import (
    associate,
    correspondence_oks,
    correspondence_similarity,
    similarity_matcher,
)
from tasks.params.track import TrackParams
from tasks.progress import current
from tasks.tracker_evaluation.metrics import TrackingMetrics, VideoScore, metrics_of, score_video
from tasks.tracker_evaluation.optical_flow import flow_of, propagated_by_flow
from tasks.tracker_evaluation.reidentification import embedder, reid_similarity
from tasks.tracker_evaluation.videos import EvaluationVideo
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


@dataclass(frozen=True)
class MethodSimilarities:
    """Similarities of the poses of one video by one method."""

    similarity: Similarity
    propagated_oks: Similarity
    """OKS of the poses that the method propagates to a frame with the poses of that frame."""


VideoSimilarities: TypeAlias = Sequence[tuple[EvaluationVideo, MethodSimilarities]]
"""Videos, each with the similarities of one method."""


@dataclass(frozen=True)
class Method:
    """A row of Table 2."""

    name: str
    similarities: Callable[[EvaluationVideo], MethodSimilarities]


def methods(workspace: Workspace, params: "Params") -> list[Method]:
    """The baselines and the correspondences; a notice says so where there are no weights for re-identification."""
    compared = [
        Method("OKS", lambda video: by_oks(video.evidence.poses, params.track)),
        Method("Optical flow", _by_flow(params)),
    ]
    embed = embedder(params, workspace.weights("reid"))
    if embed is None:
        current().notice("Table 2 has no row Re-ID: there were no training tracks to train the network on.")
    else:
        sizes = {"crop_height": params.train_reid.crop_height_px, "crop_width": params.train_reid.crop_width_px}

        def by_reid(video: EvaluationVideo) -> MethodSimilarities:
            return by_appearance(reid_similarity(video, embed, **sizes), video.evidence.poses, params.track)

        compared.append(Method("Re-ID", by_reid))
    return [*compared, Method("Correspondences", lambda video: by_correspondences(video, params.track))]


def by_correspondences(video: EvaluationVideo, section: TrackParams) -> MethodSimilarities:
    """Equation 6."""
    evidence = video.evidence
    return by_equation_6(evidence, section)


def by_equation_6(evidence: Evidence, section: TrackParams) -> MethodSimilarities:
    """The same, from evidence that is at hand already."""
    return MethodSimilarities(correspondence_similarity(evidence, section), correspondence_oks(evidence, section))


def all_by_correspondences(videos: Sequence[EvaluationVideo], section: TrackParams) -> VideoSimilarities:
    """The videos with equation 6 of each."""
    return [(video, by_correspondences(video, section)) for video in videos]


def by_propagated_poses(video: EvaluationVideo, section: TrackParams) -> MethodSimilarities:
    """OKS of the poses that correspondences propagate to the next frame: the same maps, read in another way.

    Not part of the paper. Equation 6 reads a map at the keypoint of a pose; this reads the position of the map's peak.
    The better of the two shows whether the maps or the keypoints are inaccurate.
    """
    return by_propagation(video.evidence, section)


def by_propagation(evidence: Evidence, section: TrackParams) -> MethodSimilarities:
    """The same, from evidence that is at hand already."""
    propagated = correspondence_oks(evidence, section)
    return MethodSimilarities(propagated, propagated)


def by_oks(poses: VideoPoses, section: TrackParams) -> MethodSimilarities:
    """OKS of the poses where they are."""
    unmoved = OksSimilarity(poses, section.query_keypoint_threshold)
    return MethodSimilarities(unmoved, unmoved)


def by_appearance(similarity: Similarity, poses: VideoPoses, section: TrackParams) -> MethodSimilarities:
    """A similarity that moves no pose; duplicates are then those of the unmoved poses."""
    return MethodSimilarities(similarity, by_oks(poses, section).propagated_oks)


def by_moved_poses(propagated: PropagatedPoses, poses: VideoPoses, section: TrackParams) -> MethodSimilarities:
    """OKS of poses that optical flow has propagated."""
    moved = PropagatedOksSimilarity(
        propagated, poses, peak_threshold=0.5, joint_threshold=section.query_keypoint_threshold, min_keypoints=1
    )
    return MethodSimilarities(moved, moved)


def _by_flow(params: "Params") -> Callable[[EvaluationVideo], MethodSimilarities]:
    flow = flow_of(params.ablate)
    propagated: dict[tuple[str, str], PropagatedPoses] = {}

    def similarities(video: EvaluationVideo) -> MethodSimilarities:
        if (video.video_id, video.box_source) not in propagated:
            siblings = [replace(video, box_source=source) for source in sorted(params.detect.box_sources)]
            poses = propagated_by_flow(siblings, flow, max_gap_frames=params.track.max_lost_frames + 1)
            keys = [(sibling.video_id, sibling.box_source) for sibling in siblings]
            propagated.update(zip(keys, poses, strict=True))
        return by_moved_poses(propagated[video.video_id, video.box_source], video.evidence.poses, params.track)

    return similarities


def track(
    video: EvaluationVideo, by_method: MethodSimilarities, section: TrackParams, *, with_recovered: bool = True
) -> Tracks:
    """The poses of the video, associated by the method."""
    return track_evidence(video.evidence if with_recovered else video.detected_evidence, by_method, section)


def track_evidence(evidence: Evidence, by_method: MethodSimilarities, section: TrackParams) -> Tracks:
    """The poses of the evidence, associated by the method."""
    return associate(evidence, similarity_matcher(by_method.similarity, by_method.propagated_oks, section), section)


def score_method(videos: VideoSimilarities, section: TrackParams) -> TrackingMetrics:
    """Metrics of one method at the thresholds of `section`."""
    return metrics_of(score_videos(videos, section))


def score_videos(videos: VideoSimilarities, section: TrackParams) -> list[VideoScore]:
    """Scores of one method at the thresholds of `section`, of each video in order."""
    threshold = section.output_keypoint_threshold
    return [
        score_video(
            video.video_id,
            video.truth,
            video.tracked(video.evidence, track(video, by_method, section)),
            output_keypoint_threshold=threshold,
        )
        for video, by_method in videos
    ]


def similarities_to_next(video: EvaluationVideo, by_method: MethodSimilarities) -> FloatArray:
    """The largest similarity of each pose to the poses of the next frame, as far as it is positive, (N,)."""
    largest = [
        by_method.similarity(source.pose_id, target).max(axis=1)
        for source, target in pairwise(video.evidence.poses.frames)
        if len(source) and len(target)
    ]
    values = np.concatenate([np.zeros(0), *largest])
    return np.asarray(values[values > 0])
