"""Merging of one video's tracks, between tables and the mathematics (A.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.frame_poses import VideoPoses
from models.tracking.merging import (
    MergeCandidate,
    MergeRule,
    PropagatedPose,
    Propagation,
    StartPose,
    TrackSpan,
    match_similarities,
    merge_tracks,
    track_spans,
)
from tasks.inference.video_tables import frame_poses
from tasks.tables.arrays import table_of
from tasks.tables.schemas import MERGED_TRACKS

PropagatedPoses: TypeAlias = dict[Propagation, PropagatedPose]
"""Poses in other frames, by what was asked for."""


@dataclass(frozen=True)
class TracksOfSource:
    """The tracks of one box source of a video.

    Attributes:
        box_source: detected or annotated.
        rows: rows of the table tracks.
        spans: their frames and poses, track by track.
        poses: the keypoints of their poses.
    """

    box_source: str
    rows: pa.Table
    spans: list[TrackSpan]
    poses: VideoPoses

    @classmethod
    def of(cls, box_source: str, rows: pa.Table) -> "TracksOfSource":
        """Take the tracks of `box_source` from a video's rows of the table tracks."""
        chosen = rows.filter(pc.field("box_source") == box_source)
        columns = (chosen[name].to_numpy() for name in ("track_id", "frame_index", "pose_id"))
        return cls(box_source, chosen, track_spans(*columns), VideoPoses(frame_poses(chosen)))

    def start_pose(self, pose_id: int) -> StartPose:
        """Return one of the poses by its id."""
        chosen = np.array([pose_id])
        return StartPose(self.poses.xy(chosen)[0], self.poses.score(chosen)[0])


def merged_rows(tracks: TracksOfSource, propagated: PropagatedPoses, rule: MergeRule) -> pa.Table:
    """Return the rows of the table merged_tracks; a pose that links two tracks has equation 8 as its similarity."""
    similarities = match_similarities(tracks.spans, propagated, tracks.start_pose, rule=rule)
    merged = merge_tracks(tracks.spans, similarities, similarity_threshold=rule.similarity_threshold)
    return _rows(tracks, merged, _links(tracks.spans, merged, similarities))


def unmerged_rows(tracks: TracksOfSource) -> pa.Table:
    """Return the rows of the table merged_tracks where nothing is merged."""
    return _rows(tracks, {span.track_id: span.track_id for span in tracks.spans}, {})


def _links(
    spans: Iterable[TrackSpan], merged: Mapping[int, int], similarities: Mapping[MergeCandidate, float]
) -> dict[int, float]:
    """Return equation 8 by the first pose of each track that continues another."""
    links = {}
    last_track: dict[int, int] = {}
    for span in sorted(spans, key=lambda span: int(span.frame_index[0])):
        chain = merged[span.track_id]
        if chain in last_track:
            links[int(span.pose_id[0])] = similarities[MergeCandidate(last_track[chain], span.track_id)]
        last_track[chain] = span.track_id
    return links


def _rows(tracks: TracksOfSource, merged: Mapping[int, int], links: Mapping[int, float]) -> pa.Table:
    columns = {name: tracks.rows[name] for name in tracks.rows.schema.names}
    track_ids, pose_ids, similarity = (tracks.rows[name].to_pylist() for name in ("track_id", "pose_id", "similarity"))
    return table_of(
        MERGED_TRACKS,
        columns
        | {
            "track_id": [merged[track_id] for track_id in track_ids],
            "source_track_id": tracks.rows["track_id"],
            "similarity": [links.get(pose_id, before) for pose_id, before in zip(pose_ids, similarity, strict=True)],
        },
    )
