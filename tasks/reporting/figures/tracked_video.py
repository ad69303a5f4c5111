"""One tracked video for the figures: poses, tracks, annotated persons, pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.arrays import BoolArray, FloatArray, IntArray, Picture
from models.keypoints import BODY, KEYPOINT_COUNT
from models.poses.boxes import iou, xywh_to_xyxy
from tasks.inference.videos import Video, VideoIndex
from tasks.reporting.labels import label
from tasks.tables import Table, read_table
from tasks.tables.arrays import keypoint_array, list_array
from tasks.tables.schemas import CORRESPONDENCES, MERGED_TRACKS, PERSONS, POSES, RECOVERED_POSES, TRACKS
from tasks.workspace import Workspace

ON_PERSON: Final = 0.5
"""A pose is on the annotated person whose box overlaps its box most, with at least this intersection over union."""


@dataclass(frozen=True)
class UsedPoses:
    """The N poses of one video and box source that tracking may use."""

    pose_id: IntArray
    frame: IntArray
    xy: FloatArray
    """(N,17,2) px."""
    score: FloatArray
    """(N,17)."""
    box_xyxy: FloatArray
    """(N,4) px."""
    pose_score: FloatArray
    source_pose_id: IntArray
    """Pose that a recovered pose came from; -1 for detected poses."""

    def __len__(self) -> int:
        return len(self.pose_id)

    def row(self, pose_id: int) -> int:
        """Row of a pose; -1 where it is absent."""
        rows = np.flatnonzero(self.pose_id == pose_id)
        return int(rows[0]) if len(rows) else -1

    @property
    def is_recovered(self) -> BoolArray:
        """(N,)."""
        return np.asarray(self.source_pose_id >= 0)


@dataclass(frozen=True)
class IdentifiedPersons:
    """The M annotated persons of one video who have an identity."""

    frame: IntArray
    track_id: IntArray
    box_xyxy: FloatArray
    """(M,4) px."""
    xy: FloatArray
    """(M,17,2) px."""
    labelled: BoolArray
    """(M,17) body keypoints that are annotated."""
    area: FloatArray

    def __len__(self) -> int:
        return len(self.frame)

    def row(self, frame: int, track_id: int) -> int:
        """Row of an identity in a frame; -1 where it is not annotated."""
        rows = np.flatnonzero((self.frame == frame) & (self.track_id == track_id))
        return int(rows[0]) if len(rows) else -1


@dataclass(frozen=True)
class ReportedVideo:
    """One video with the poses and tracks of one box source."""

    entry: Video
    """Its rows of the index."""
    workspace: Workspace
    box_source: str
    annotated: pa.Table
    """Rows of the table persons, of all videos."""

    @property
    def video_id(self) -> str:
        """Id of the video."""
        return self.entry.video_id

    @property
    def tags(self) -> list[str]:
        """Difficulties of the video."""
        return list(self.entry.row["tags"])

    def location(self, frame: int) -> str:
        """Video, frame and tags, for captions."""
        return f"{self.video_id}, frame {frame} ({', '.join(map(label, self.tags)) or 'no tags'})"

    def pictures(self, *frames: int) -> list[Picture]:
        """Pictures (H,W,3) RGB of the frames.

        Raises:
            FrameError: a frame cannot be decoded.
        """
        opened = self.entry.open(self.workspace.data)
        return [picture for _, picture in opened.read(frames)]

    def rows(self, table: Table) -> pa.Table:
        """Rows of a table for this video and box source."""
        path = table.path(self.workspace.tables, self.video_id)
        rows = read_table(table, path) if path.is_file() else table.schema.empty_table()
        return rows.filter(pc.field("box_source") == self.box_source)

    @cached_property
    def poses(self) -> UsedPoses:
        """Detected and recovered poses, without the suppressed ones."""
        parts = [self.rows(table) for table in (POSES, RECOVERED_POSES)]
        kept = [part.filter(pc.field("drop_reason").is_null()) for part in parts]
        sources = [np.full(len(kept[0]), -1, dtype=np.int64), _whole(kept[1], "source_pose_id")]
        columns = ["pose_id", "frame_index", "box_xywh", "x", "y", "score", "pose_score"]
        rows = pa.concat_tables([part.select(columns) for part in kept])
        return UsedPoses(
            _whole(rows, "pose_id"),
            _whole(rows, "frame_index"),
            keypoint_array(rows).astype(np.float64),
            list_array(rows, "score").astype(np.float64),
            xywh_to_xyxy(list_array(rows, "box_xywh")),
            np.asarray(rows["pose_score"].to_numpy(), dtype=np.float64),
            np.concatenate(sources),
        )

    @cached_property
    def tracks(self) -> pa.Table:
        """Rows of merged_tracks, or of tracks where there are no merged tracks."""
        merged = MERGED_TRACKS.path(self.workspace.tables, self.video_id).is_file()
        return self.rows(MERGED_TRACKS if merged else TRACKS)

    @cached_property
    def correspondences(self) -> pa.Table:
        """Rows of the table correspondences."""
        return self.rows(CORRESPONDENCES)

    @cached_property
    def persons(self) -> IdentifiedPersons:
        """Annotated persons with an identity."""
        wanted = (pc.field("video_id") == self.video_id) & pc.field("track_id").is_valid() & ~pc.field("is_crowd")
        rows = self.annotated.filter(wanted)
        return IdentifiedPersons(
            _whole(rows, "frame_index"),
            _whole(rows, "track_id"),
            xywh_to_xyxy(list_array(rows, "box_xywh")),
            keypoint_array(rows).astype(np.float64),
            (list_array(rows, "visibility") > 0) & np.isin(np.arange(KEYPOINT_COUNT), BODY),
            np.asarray(rows["area"].to_numpy(), dtype=np.float64),
        )

    @cached_property
    def person_of(self) -> IntArray:
        """For each pose the row of the annotated person it is on, (N,); -1 where it is on no person."""
        poses, persons = self.poses, self.persons
        if not len(persons) or not len(poses):
            return np.full(len(poses), -1, dtype=np.int64)
        overlap = iou(poses.box_xyxy, persons.box_xyxy)
        overlap[poses.frame[:, None] != persons.frame[None]] = 0.0
        chosen = overlap.argmax(axis=1)
        return np.where(overlap.max(axis=1) >= ON_PERSON, chosen, -1).astype(np.int64)

    @property
    def is_annotated(self) -> bool:
        """Whether poses can be compared with persons."""
        return len(self.persons) > 0


def tracked_videos(workspace: Workspace) -> list[ReportedVideo]:
    """The tracked videos, those of the validation split where there are any."""
    index = VideoIndex(workspace.tables)
    videos = [index.video(name) for name in index.with_tables(POSES, RECOVERED_POSES, CORRESPONDENCES, TRACKS)]
    held_out = [video for video in videos if video.row["split"] == "val"]
    return list(_tracked_videos(workspace, held_out or videos))


def _tracked_videos(workspace: Workspace, videos: list[Video]) -> Iterator[ReportedVideo]:
    annotated = read_table(PERSONS, PERSONS.path(workspace.tables))
    for video in videos:
        rows = read_table(POSES, POSES.path(workspace.tables, video.video_id), ["box_source"])
        sources = set(rows["box_source"].to_pylist())
        if sources:
            yield ReportedVideo(video, workspace, "detected" if "detected" in sources else min(sources), annotated)


def _whole(rows: pa.Table, name: str) -> IntArray:
    return np.asarray(rows[name].to_numpy(), dtype=np.int64)
