"""Merging of one video's tracks, between tables and the mathematics (A.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.frame_poses import VideoPoses
from models.tracking.merging import (
    CarriedPose,
    MergeCandidate,
    MergeRule,
    Propagation,
    StartPose,
    TrackSpan,
    match_similarities,
    merge_tracks,
    track_spans,
)
from tasks.inference.pose_rows import frame_poses
from tasks.tables.arrays import table_of
from tasks.tables.schemas import MERGED_TRACKS

Carried: TypeAlias = dict[Propagation, CarriedPose]


@dataclass(frozen=True)
class TracksOfSource:
    """The tracks of one box source, and their poses."""

    box_source: str
    rows: pa.Table
    spans: list[TrackSpan]
    poses: VideoPoses

    @classmethod
    def of(cls, box_source: str, rows: pa.Table) -> "TracksOfSource":
        """Those among the rows of the table tracks of a video."""
        own = rows.filter(pc.field("box_source") == box_source)
        columns = (own[name].to_numpy() for name in ("track_id", "frame_index", "pose_id"))
        return cls(box_source, own, track_spans(*columns), VideoPoses(frame_poses(own)))

    def start_pose(self, pose_id: int) -> StartPose:
        """One of its poses."""
        chosen = np.array([pose_id])
        return StartPose(self.poses.xy(chosen)[0], self.poses.score(chosen)[0])


def merged_rows(own: TracksOfSource, carried: Carried, rule: MergeRule) -> pa.Table:
    """Rows of the table merged_tracks: a pose that joins two tracks tells equation 8 as its similarity."""
    found = match_similarities(own.spans, carried, own.start_pose, rule=rule)
    merged = merge_tracks(own.spans, found, similarity_threshold=rule.similarity_threshold)
    return _rows(own, merged, _joints(own.spans, merged, found))


def unmerged_rows(own: TracksOfSource) -> pa.Table:
    """Rows of the table merged_tracks when nothing is merged."""
    return _rows(own, {span.track_id: span.track_id for span in own.spans}, {})


def _joints(
    spans: Iterable[TrackSpan], merged: Mapping[int, int], found: Mapping[MergeCandidate, float]
) -> dict[int, float]:
    """Equation 8 by the first pose of each track that continues another."""
    joints = {}
    last: dict[int, int] = {}
    for span in sorted(spans, key=lambda span: int(span.frame_index[0])):
        chain = merged[span.track_id]
        if chain in last:
            joints[int(span.pose_id[0])] = found[MergeCandidate(last[chain], span.track_id)]
        last[chain] = span.track_id
    return joints


def _rows(own: TracksOfSource, merged: Mapping[int, int], joints: Mapping[int, float]) -> pa.Table:
    columns = {name: own.rows[name] for name in own.rows.schema.names}
    track_ids, pose_ids = own.rows["track_id"].to_pylist(), own.rows["pose_id"].to_pylist()
    similarity = [
        joints.get(pose_id, own_value)
        for pose_id, own_value in zip(pose_ids, own.rows["similarity"].to_pylist(), strict=True)
    ]
    return table_of(
        MERGED_TRACKS,
        columns
        | {
            "track_id": [merged[track_id] for track_id in track_ids],
            "source_track_id": own.rows["track_id"],
            "similarity": similarity,
        },
    )
