"""Association of one video's poses, from tables to arrays and back (5.2, A.3); no network."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from models.tracking.association import Association, Matcher, SimilarityMatcher, Tracks, associate_poses
from models.tracking.duplicates import DuplicateRule
from models.tracking.released import ReleasedMatcher, ReleasedRule
from models.tracking.similarity import CorrespondenceSimilarity, PropagatedOksSimilarity, Similarity
from tasks.inference.evidence import WINDOW_FRAMES, Evidence, evidence_windows
from tasks.inference.videos import Video
from tasks.params.track import TrackParams
from tasks.tables.arrays import table_of
from tasks.tables.schemas import TRACKS


def correspondence_similarity(evidence: Evidence, params: TrackParams) -> Similarity:
    """Equation 6 on the maps that the parameters name, with the threshold of these maps."""
    return CorrespondenceSimilarity(
        evidence.affinities[params.maps],
        evidence.poses,
        _tau(params),
        params.query_keypoint_threshold,
        params.mean_over,
    )


def correspondence_oks(evidence: Evidence, params: TrackParams) -> Similarity:
    """OKS of correspondence poses with the poses found: what duplicate removal and mode propagated ask for."""
    return PropagatedOksSimilarity(
        evidence.propagated[params.maps],
        evidence.poses,
        peak_threshold=_tau(params),
        joint_threshold=params.query_keypoint_threshold,
        min_keypoints=params.min_keypoints,
    )


def _tau(params: TrackParams) -> float:
    return params.tau_corr if params.maps == "refined" else params.tau_corr_siamese


def similarity_matcher(similarity: Similarity, propagated_oks: Similarity, params: TrackParams) -> Matcher:
    """Association by any similarity, with the assignment and duplicate removal that the parameters name."""
    rule = DuplicateRule(propagated_oks, params.duplicate_oks, params.duplicate_ratio)
    return SimilarityMatcher(
        similarity, params.min_similarity, params.assignment, rule if params.duplicate_removal else None
    )


def matcher_of(evidence: Evidence, params: TrackParams) -> Matcher:
    """Association by correspondences: equation 6, the OKS of propagated poses, or the rule of the released scripts."""
    if params.mode == "released":
        return _released_matcher(evidence, params)
    propagated = correspondence_oks(evidence, params)
    if params.mode == "propagated":
        return similarity_matcher(propagated, propagated, params)
    return similarity_matcher(correspondence_similarity(evidence, params), propagated, params)


def _released_matcher(evidence: Evidence, params: TrackParams) -> Matcher:
    rule = ReleasedRule(
        joint_threshold=params.query_keypoint_threshold,
        corr_threshold=_tau(params),
        oks_threshold=params.released_oks_threshold,
        min_keypoints=params.min_keypoints,
        box_margin_px=params.released_box_margin_px,
        duplicate_ratio=params.duplicate_ratio if params.duplicate_removal else math.inf,
    )
    affinities, propagated = evidence.affinities[params.maps], evidence.propagated[params.maps]
    return ReleasedMatcher(affinities, propagated, evidence.poses, evidence.width, evidence.height, rule)


def associate(evidence: Evidence, matcher: Matcher, params: TrackParams) -> Tracks:
    """The tracks of one video and box source."""
    return associate_poses(
        evidence.poses.frames,
        matcher,
        min_track_frames=params.min_track_frames,
        max_lost_frames=params.max_lost_frames,
    )


def associate_windows(
    tables: Path, video: Video, box_source: str, params: TrackParams, *, window_frames: int = WINDOW_FRAMES
) -> Tracks:
    """The tracks of one video and box source from the tables below a folder, a window of frames in memory at a time.

    They do not depend on the number of frames in a window.
    """
    association = Association(params.max_lost_frames)
    for frames, evidence in evidence_windows(
        tables,
        video,
        box_source,
        kinds=[params.maps],
        window_frames=window_frames,
        kept_frames=params.max_lost_frames + 1,
    ):
        matcher = matcher_of(evidence, params)
        for frame in frames:
            association.add(frame, matcher)
    return association.tracks(params.min_track_frames)


def track_rows(
    tables: Path, video: Video, box_source: str, tracks: Tracks, *, window_frames: int = WINDOW_FRAMES
) -> Iterator[pa.Table]:
    """Rows of the table tracks in blocks with rising keys, with every keypoint whatever its score."""
    for frames, evidence in evidence_windows(tables, video, box_source, kinds=[], window_frames=window_frames):
        ends = np.searchsorted(tracks.frame_index, [frames[0].frame_index, frames[-1].frame_index + 1])
        yield _rows(video.video_id, box_source, evidence, tracks, slice(*ends))


def _rows(video_id: str, box_source: str, evidence: Evidence, tracks: Tracks, here: slice) -> pa.Table:
    pose_id, similarity = tracks.pose_id[here], tracks.similarity[here]
    xy = evidence.poses.xy(pose_id)
    return table_of(
        TRACKS,
        {
            "video_id": [video_id] * len(pose_id),
            "box_source": [box_source] * len(pose_id),
            "frame_index": tracks.frame_index[here],
            "track_id": tracks.track_id[here],
            "pose_id": pose_id,
            "origin": ["recovered" if number in evidence.recovered else "detected" for number in pose_id.tolist()],
            "x": xy[..., 0],
            "y": xy[..., 1],
            "score": evidence.poses.score(pose_id),
            "similarity": [None if np.isnan(value) else float(value) for value in similarity],
        },
    )
