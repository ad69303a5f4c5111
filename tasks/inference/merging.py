"""Merging of one video's tracks, between tables and the mathematics (A.4)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

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
from tasks.tables.by_video import RowsInOrder
from tasks.tables.schemas import MERGED_TRACKS, TRACKS

PropagatedPoses: TypeAlias = dict[Propagation, PropagatedPose]
"""Poses in other frames, by what was asked for."""
_IDS: Final = ("track_id", "frame_index", "pose_id")
_WINDOW_FRAMES: Final = 256
"""Frames whose rows are in memory at a time."""


@dataclass(frozen=True)
class TracksOfSource:
    """The tracks of one box source of a video.

    Attributes:
        box_source: detected or annotated.
        path: file of the table tracks.
        spans: their frames and poses, track by track.
        poses: the keypoints of the start, the centre and the end pose of each track.
    """

    box_source: str
    path: Path
    spans: list[TrackSpan]
    poses: VideoPoses

    @classmethod
    def of(cls, box_source: str, path: Path) -> "TracksOfSource":
        """Read the tracks of `box_source` from a video's file of the table tracks; raises TableError."""
        ids = pa.concat_tables(_windows(path, box_source, _IDS))
        spans = track_spans(*(ids[name].to_numpy() for name in _IDS))
        key_poses = pa.array([int(span.pose_id[row]) for span in spans for row in span.key_rows()], pa.int64())
        windows = _windows(path, box_source, ("frame_index", "pose_id", "x", "y", "score"))
        rows = pa.concat_tables(window.filter(pc.is_in(window["pose_id"], key_poses)) for window in windows)
        return cls(box_source, path, spans, VideoPoses(frame_poses(rows)))

    def start_pose(self, pose_id: int) -> StartPose:
        """Return one of the poses by its id."""
        chosen = np.array([pose_id])
        return StartPose(self.poses.xy(chosen)[0], self.poses.score(chosen)[0])


def merged_rows(tracks: TracksOfSource, propagated: PropagatedPoses, rule: MergeRule) -> Iterator[pa.Table]:
    """Return the rows of the table merged_tracks in blocks with rising keys.

    A pose that links two tracks has equation 8 as its similarity.
    """
    similarities = match_similarities(tracks.spans, propagated, tracks.start_pose, rule=rule)
    merged = merge_tracks(tracks.spans, similarities, similarity_threshold=rule.similarity_threshold)
    return _rows(tracks, merged, _links(tracks.spans, merged, similarities))


def unmerged_rows(tracks: TracksOfSource) -> Iterator[pa.Table]:
    """Return the rows of the table merged_tracks where nothing is merged, in blocks with rising keys."""
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


def _rows(tracks: TracksOfSource, merged: Mapping[int, int], links: Mapping[int, float]) -> Iterator[pa.Table]:
    names = [name for name in TRACKS.schema.names if name != "box_source"]
    for rows in _windows(tracks.path, tracks.box_source, names):
        track_ids, pose_ids, similarity = (rows[name].to_pylist() for name in ("track_id", "pose_id", "similarity"))
        joined = {
            "box_source": [tracks.box_source] * len(rows),
            "track_id": [merged[track_id] for track_id in track_ids],
            "source_track_id": rows["track_id"],
            "similarity": [links.get(pose_id, before) for pose_id, before in zip(pose_ids, similarity, strict=True)],
        }
        yield table_of(MERGED_TRACKS, {name: rows[name] for name in names} | joined)


def _windows(path: Path, box_source: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Rows of the table tracks, whole frames at a time, since merging changes the order within a frame."""
    return RowsInOrder(TRACKS, path, columns, box_source).windows(_WINDOW_FRAMES)
