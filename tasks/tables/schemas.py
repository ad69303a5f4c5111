"""What each table holds: columns with type, unit and meaning, key and sort order."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from models.keypoints import KEYPOINT_COUNT, POSETRACK_KEYPOINTS

_TEXT, _WHOLE, _REAL, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_KEYPOINTS = pa.list_(pa.float32(), KEYPOINT_COUNT)
_ORDER: Final = ", ".join(POSETRACK_KEYPOINTS)
_BOX = pa.list_(pa.float64(), 4)
_POLYGONS = pa.list_(pa.list_(pa.list_(pa.float64(), 2)))


@dataclass(frozen=True)
class Table:
    """A table's name, Arrow schema and key; rows are sorted by the key, and the key is unique.

    `per_video` tables are folders of one Parquet file per video, the others are one file each.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    per_video: bool = True

    def path(self, tables: Path, video_id: str | None = None) -> Path:
        """File of this table below the folder `tables`, for one video where the table is per video."""
        return tables / self.name / f"{video_id}.parquet" if self.per_video else tables / f"{self.name}.parquet"


def _column(name: str, kind: pa.DataType, meaning: str, unit: str = "", *, nullable: bool = False) -> pa.Field:
    metadata = {"meaning": meaning} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def _table(name: str, key: tuple[str, ...], *columns: pa.Field, per_video: bool = True) -> Table:
    return Table(name, pa.schema(list(columns)), key, per_video)


def _keypoints(prefix: str, of: str, third: str) -> tuple[pa.Field, ...]:
    start = f"{prefix}_" if prefix else ""
    return (
        _column(f"{start}x", _KEYPOINTS, f"column of the 17 {of}: {_ORDER}", "px of the original picture"),
        _column(f"{start}y", _KEYPOINTS, f"row of the 17 {of}", "px of the original picture"),
        _column(f"{start}{third}", _KEYPOINTS, f"{third} of the 17 {of}", "0 to 1"),
    )


_VIDEO = _column("video_id", _TEXT, "video, unique in the corpus")
_FRAME = _column("frame_index", _WHOLE, "frame of the video, from 0")
_SOURCE = _column("box_source", _TEXT, "where the person boxes come from: detected or annotated")
_POSE = _column("pose_id", _WHOLE, "pose, unique within video and box_source")

VIDEOS: Final = _table(
    "videos",
    ("video_id",),
    _VIDEO,
    _column("split", _TEXT, "train, val or test"),
    _column("source", _TEXT, "annotation file, relative to the data folder; empty for a bare video", nullable=True),
    _column("media", _TEXT, "frame folder or video file, relative to the data folder"),
    _column("media_sha256", _TEXT, "digest of all bytes of the video's pictures"),
    _column("width", _WHOLE, "picture width", "px"),
    _column("height", _WHOLE, "picture height", "px"),
    _column("frame_count", _WHOLE, "frames of the video"),
    _column("labelled_frame_count", _WHOLE, "frames with annotations"),
    _column("frames_per_second", _REAL, "frame rate where the file holds it", "1/s", nullable=True),
    _column("tags", pa.list_(_TEXT), "what is hard in this video"),
    per_video=False,
)

FRAMES: Final = _table(
    "frames",
    ("video_id", "frame_index"),
    _VIDEO,
    _FRAME,
    _column("image_id", _WHOLE, "id of the frame in the annotation file"),
    _column("file_name", _TEXT, "name of the frame in the annotation file"),
    _column("path", _TEXT, "picture, relative to the data folder; null where the video is one file", nullable=True),
    _column("seconds", _REAL, "time since the first frame; null where no frame rate is known", "s", nullable=True),
    _column("is_labelled", _FLAG, "whether the frame is annotated"),
    _column("ignore_regions", _POLYGONS, "polygons whose inside is not scored, as x y pairs", "px", nullable=True),
    per_video=False,
)

IMAGES: Final = _table(
    "images",
    ("image_id",),
    _column("image_id", _TEXT, "picture, '<coco folder>/<split>/<id>'"),
    _column("split", _TEXT, "train or val"),
    _column("path", _TEXT, "picture, relative to the data folder"),
    _column("width", _WHOLE, "picture width", "px"),
    _column("height", _WHOLE, "picture height", "px"),
    _column("source_id", _WHOLE, "id of the picture in its annotation file"),
    _column("sha256", _TEXT, "digest of the picture's bytes"),
    per_video=False,
)

PERSONS: Final = _table(
    "persons",
    ("person_id",),
    _column("person_id", _TEXT, "annotated person, '<image_id or video_id/frame_index>/<annotation id>'"),
    _column("source", _TEXT, "coco or posetrack: which of the two orders the keypoints have"),
    _column("split", _TEXT, "train or val"),
    _column("image_id", _TEXT, "COCO picture", nullable=True),
    _column("video_id", _TEXT, "PoseTrack video", nullable=True),
    _column("frame_index", _WHOLE, "PoseTrack frame, from 0", nullable=True),
    _column("track_id", _WHOLE, "PoseTrack identity within its video", nullable=True),
    _column("annotation_id", _WHOLE, "id of the person in its annotation file, or its position in the file"),
    _column("box_xywh", _BOX, "person box", "px"),
    _column("box_head_xywh", _BOX, "head box", "px", nullable=True),
    _column("area", _REAL, "segment area", "px^2"),
    _column("is_crowd", _FLAG, "a region of many persons, without keypoints"),
    _column("x", _KEYPOINTS, "column of the 17 keypoints in their source's order", "px"),
    _column("y", _KEYPOINTS, "row of the 17 keypoints", "px"),
    _column("visibility", pa.list_(pa.int8(), KEYPOINT_COUNT), "0 unlabelled, 1 hidden, 2 visible (PoseTrack: 0, 2)"),
    per_video=False,
)

REJECTS: Final = _table(
    "rejects",
    ("stage", "source", "location"),
    _column("stage", _TEXT, "stage that rejected it"),
    _column("source", _TEXT, "file or video, relative to the data folder"),
    _column("location", _TEXT, "frame, person and field in the source; empty for the whole"),
    _column("reason", _TEXT, "what was expected, what was found, what to do"),
    per_video=False,
)

FILE_POSES: Final = _table(
    "file_poses",
    ("video_id", "frame_index", "file_pose_id"),
    *(_VIDEO, _FRAME),
    _column("file_pose_id", _WHOLE, "pose of another program, in frame order from 0 in each video"),
    _column("box_xywh", _BOX, "extent of its keypoints with a margin", "px"),
    _column("person_score", _REAL, "score of the whole person; null where the file has none", "0 to 1", nullable=True),
    *_keypoints("", "keypoints; 0 where one is missing", "score"),
    per_video=False,
)

DETECTIONS: Final = _table(
    "detections",
    ("video_id", "box_source", "frame_index", "detection_id"),
    *(_VIDEO, _SOURCE, _FRAME),
    _column("detection_id", _WHOLE, "detection, unique within video and box_source"),
    _column("box_xywh", _BOX, "person box", "px"),
    _column("score", _REAL, "detector's score; 1 for annotated boxes", "0 to 1"),
    _column(
        "drop_reason",
        _TEXT,
        "low_score, outside_picture, crowd or no_keypoints; null: later stages use it",
        nullable=True,
    ),
)

NETWORK_POSES: Final = _table(
    "network_poses",
    ("video_id", "frame_index", "detection_id"),
    *(_VIDEO, _FRAME),
    _column("detection_id", _WHOLE, "detection that the keypoint detector gave them with"),
    *_keypoints("", "keypoints; 0 where one is missing", "score"),
)

_POSE_COLUMNS = (
    *(_VIDEO, _SOURCE, _FRAME, _POSE),
    _column("origin", _TEXT, "detected or recovered"),
    _column("box_xywh", _BOX, "box the pose was estimated in", "px"),
    *_keypoints("", "keypoints", "score"),
    _column("pose_score", _REAL, "mean score of the 15 body keypoints", "0 to 1"),
    _column("drop_reason", _TEXT, "duplicate or few_keypoints; null: later stages use this row", nullable=True),
    _column("duplicate_of", _WHOLE, "the better pose that a duplicate repeats; else null", nullable=True),
)

POSES: Final = _table(
    "poses",
    ("video_id", "box_source", "frame_index", "pose_id"),
    *_POSE_COLUMNS,
    _column("detection_id", _WHOLE, "detection it was estimated from"),
)

RECOVERED_POSES: Final = _table(
    "recovered_poses",
    ("video_id", "box_source", "frame_index", "pose_id"),
    *_POSE_COLUMNS,
    _column("source_pose_id", _WHOLE, "pose whose correspondences led here"),
    _column("source_frame_index", _WHOLE, "frame of that pose"),
    _column("chain_frames", _WHOLE, "recoveries in a row that led here, 1 for a detected source"),
)

CORRESPONDENCES: Final = _table(
    "correspondences",
    ("video_id", "box_source", "target_frame_index", "source_pose_id"),
    *(_VIDEO, _SOURCE),
    _column("source_pose_id", _WHOLE, "pose that is propagated"),
    _column("source_frame_index", _WHOLE, "its frame"),
    _column("target_frame_index", _WHOLE, "frame it is propagated to"),
    *_keypoints("refined", "peaks of the refined maps C", "peak"),
    *_keypoints("siamese", "peaks of the unrefined maps S", "peak"),
)

AFFINITIES: Final = _table(
    "affinities",
    ("video_id", "box_source", "target_frame_index", "source_pose_id", "target_pose_id"),
    *(_VIDEO, _SOURCE),
    _column("source_pose_id", _WHOLE, "pose q whose maps are read"),
    _column("source_frame_index", _WHOLE, "its frame"),
    _column("target_pose_id", _WHOLE, "pose p at whose keypoints they are read"),
    _column("target_frame_index", _WHOLE, "its frame"),
    _column("refined", _KEYPOINTS, "C_j of q at keypoint j of p (equation 6)", "0 to 1"),
    _column("siamese", _KEYPOINTS, "S_j of q at keypoint j of p", "0 to 1"),
)

_TRACK_COLUMNS = (
    *(_VIDEO, _SOURCE, _FRAME),
    _column("track_id", _WHOLE, "identity, from 0 in each video and box_source"),
    _POSE,
    _column("origin", _TEXT, "detected or recovered"),
    *_keypoints("", "keypoints", "score"),
    _column("similarity", _REAL, "similarity that joined it to its track; null: it starts one", nullable=True),
)

TRACKS: Final = _table("tracks", ("video_id", "box_source", "frame_index", "track_id"), *_TRACK_COLUMNS)

MERGED_TRACKS: Final = _table(
    "merged_tracks",
    ("video_id", "box_source", "frame_index", "track_id"),
    *_TRACK_COLUMNS,
    _column("source_track_id", _WHOLE, "track before merging"),
)

SCORES: Final = _table(
    "scores",
    ("tracks", "metric", "scope", "name", "joint"),
    _column("tracks", _TEXT, "tracking or merged: which tracks were scored"),
    _column("metric", _TEXT, "ap, mota, motp, precision, recall, misses, switches, false_positives, hota, ..."),
    _column("scope", _TEXT, "total, video or tag"),
    _column("name", _TEXT, "video_id or tag; empty for the total"),
    _column("joint", _TEXT, "poseval joint, or total"),
    _column("value", _REAL, "percent, or a count; null where undefined", nullable=True),
    per_video=False,
)

TABLES: Final = {
    table.name: table
    for table in (
        *(VIDEOS, FRAMES, IMAGES, PERSONS, REJECTS, FILE_POSES, DETECTIONS, NETWORK_POSES, POSES, RECOVERED_POSES),
        *(CORRESPONDENCES, AFFINITIES, TRACKS, MERGED_TRACKS, SCORES),
    )
}
"""Every table by name."""
