"""Merging of one video's tracks: poses carried over wide gaps, equation 8, tracks joined (A.4)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.arrays import FramePoses, VideoPoses
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
    wanted_propagations,
)
from tasks.frames import VideoFrames
from tasks.inference.correspondence_maps import CorrespondenceMaps, FittedFrame
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

    def frame(self, frame_index: int, pose_ids: Iterable[int]) -> FramePoses:
        """Some of its poses, all of one frame."""
        chosen = np.array(list(pose_ids), dtype=np.int64)
        return FramePoses(frame_index, chosen, self.poses.xy(chosen), self.poses.score(chosen))

    def start_pose(self, pose_id: int) -> StartPose:
        """One of its poses."""
        chosen = np.array([pose_id])
        return StartPose(self.poses.xy(chosen)[0], self.poses.score(chosen)[0])


class WideCarrier:
    """Carries poses over gaps; features live from their frame to the last one they are wanted for."""

    def __init__(self, network: CorrespondenceMaps, *, query_joint_threshold: float) -> None:
        self._network = network
        self._threshold = query_joint_threshold

    def carry(
        self, sources: Iterable[TracksOfSource], frames: VideoFrames, *, max_gap_frames: int
    ) -> dict[str, Carried]:
        """All propagations that equation 8 asks for, by box source, in one pass over the frames."""
        sources = list(sources)
        wanted = {own.box_source: wanted_propagations(own.spans, max_gap_frames=max_gap_frames) for own in sources}
        last_use: dict[int, int] = {}
        for one in (one for wishes in wanted.values() for one in wishes):
            for frame_index in (one.source_frame_index, one.target_frame_index):
                last_use[frame_index] = max(last_use.get(frame_index, 0), one.target_frame_index)
        carried: dict[str, Carried] = {own.box_source: {} for own in sources}
        fitted: dict[int, FittedFrame] = {}
        for frame_index, picture in frames.read(sorted(last_use)):
            fitted[frame_index] = self._network.fit(picture)
            for own in sources:
                here = [one for one in wanted[own.box_source] if one.target_frame_index == frame_index]
                carried[own.box_source] |= self._carry_to(own, here, fitted)
            fitted = {index: frame for index, frame in fitted.items() if last_use[index] > frame_index}
        return carried

    def _carry_to(
        self, own: TracksOfSource, wanted: Iterable[Propagation], fitted: Mapping[int, FittedFrame]
    ) -> Carried:
        """Propagations onto one frame, the poses of each source frame together."""
        by_source: dict[int, list[Propagation]] = defaultdict(list)
        for one in wanted:
            by_source[one.source_frame_index].append(one)
        carried: Carried = {}
        for frame_index, ones in by_source.items():
            poses = own.frame(frame_index, (one.source_pose_id for one in ones))
            maps = self._network.maps(fitted[frame_index], fitted[ones[0].target_frame_index], poses)
            xy, peak = maps.peaks("refined")
            peak = np.where(poses.score >= self._threshold, peak, 0.0)
            places = {pose_id: place for place, pose_id in enumerate(poses.pose_id.tolist())}
            for one in ones:
                place = places[one.source_pose_id]
                carried[one] = CarriedPose(xy[place], peak[place])
        return carried


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
