"""Association of one video's poses, from tables to arrays and back (5.2, A.3); no network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import IntArray
from models.poses.frame_poses import VideoPoses, join_poses
from models.tracking.association import Matcher, SimilarityMatcher, Tracks, associate_poses
from models.tracking.correspondences import MAP_KINDS, Affinities, PropagatedPoses
from models.tracking.duplicates import DuplicateRule
from models.tracking.released import ReleasedMatcher, ReleasedRule
from models.tracking.similarity import CorrespondenceSimilarity, PropagatedOksSimilarity, Similarity
from tasks.inference.video_tables import PosesByFrame
from tasks.inference.videos import Video
from tasks.params.track import TrackParams
from tasks.tables import Table, read_table
from tasks.tables.arrays import keypoint_array, list_array, table_of
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, POSES, RECOVERED_POSES, TRACKS

_IDS: Final = ("source_pose_id", "target_frame_index")
_PARTS: Final = ("x", "y", "peak")


@dataclass(frozen=True)
class Evidence:
    """All that tracking reads of one video and box source."""

    poses: VideoPoses
    """Detected and recovered poses; every frame that can hold boxes of the source is there."""
    recovered: frozenset[int]
    """Ids of the recovered ones."""
    affinities: dict[str, Affinities]
    """By kind of map: refined, siamese."""
    propagated: dict[str, PropagatedPoses]
    """Correspondence poses, by kind of map."""
    width: int
    """Of the picture, px."""
    height: int


def read_evidence(
    tables: Path,
    video: Video,
    box_source: str,
    *,
    with_recovered: bool = True,
    kinds: Sequence[str] = MAP_KINDS,
) -> Evidence:
    """The evidence below the folder `tables`; without the recovered poses they are neither sources nor targets.

    Affinities and propagated poses are of these kinds of maps.
    """
    read = partial(_of_source, tables, video.video_id, box_source)
    detected, recovered = (
        read(table, "frame_index", "pose_id", "x", "y", "score", "drop_reason") for table in (POSES, RECOVERED_POSES)
    )
    recovered = recovered.filter(pc.field("drop_reason").is_null() & pc.scalar(with_recovered))
    first, added = PosesByFrame(detected), PosesByFrame(recovered)
    return Evidence(
        poses=VideoPoses(
            join_poses(frame_index, [first.at(frame_index), added.at(frame_index)])
            for frame_index in video.frames_of(box_source)
        ),
        recovered=frozenset(recovered["pose_id"].to_pylist()),
        affinities={kind: _affinities(read(AFFINITIES, *_IDS, "target_pose_id", kind), kind) for kind in kinds},
        propagated={
            kind: _propagated(read(CORRESPONDENCES, *_IDS, *(f"{kind}_{part}" for part in _PARTS)), kind)
            for kind in kinds
        },
        width=video.row["width"],
        height=video.row["height"],
    )


def _of_source(tables: Path, video_id: str, box_source: str, table: Table, *columns: str) -> pa.Table:
    """Columns of a table of the video; what is not read takes no memory."""
    rows = read_table(table, table.path(tables, video_id), ["box_source", *columns])
    return rows.filter(pc.field("box_source") == box_source).drop_columns("box_source")


def _ids(rows: pa.Table, name: str) -> IntArray:
    return np.asarray(rows[name].to_numpy(), dtype=np.int64)


def _affinities(rows: pa.Table, kind: str) -> Affinities:
    source, target_frame = _ids(rows, "source_pose_id"), _ids(rows, "target_frame_index")
    target = _ids(rows, "target_pose_id")
    return Affinities(source, target_frame, target, list_array(rows, kind))


def _propagated(rows: pa.Table, kind: str) -> PropagatedPoses:
    source, target_frame = _ids(rows, "source_pose_id"), _ids(rows, "target_frame_index")
    xy = keypoint_array(rows, f"{kind}_x", f"{kind}_y")
    return PropagatedPoses(source, target_frame, xy, list_array(rows, f"{kind}_peak"))


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


def track_rows(video_id: str, box_source: str, evidence: Evidence, tracks: Tracks) -> pa.Table:
    """Rows of the table tracks, with every keypoint whatever its score."""
    xy = evidence.poses.xy(tracks.pose_id)
    origins = ("recovered" if pose_id in evidence.recovered else "detected" for pose_id in tracks.pose_id.tolist())
    return table_of(
        TRACKS,
        {
            "video_id": [video_id] * len(tracks),
            "box_source": [box_source] * len(tracks),
            "frame_index": tracks.frame_index,
            "track_id": tracks.track_id,
            "pose_id": tracks.pose_id,
            "origin": list(origins),
            "x": xy[..., 0],
            "y": xy[..., 1],
            "score": evidence.poses.score(tracks.pose_id),
            "similarity": [None if np.isnan(value) else float(value) for value in tracks.similarity],
        },
    )
