"""Stage estimate: a pose in every box, then non-maximum suppression by OKS in each frame (6.1, A.1).

A batch holds boxes of one shard in frame order, so the bytes of a result depend on `estimate.batch_size`,
`estimate.shard_frames`, `run.threads_per_worker`, the precision and the machine, and on no worker and no other video.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.frame_poses import EstimatedPoses
from models.poses.nms import repeated_poses
from tasks.inference.file_poses import FilePoses
from tasks.inference.network_poses import NetworkPoses
from tasks.inference.network_work import NetworkWork
from tasks.inference.video_tables import write_video_tables
from tasks.inference.videos import VideoIndex
from tasks.params.estimate import EstimateParams
from tasks.progress import current
from tasks.read_ahead import read_ahead
from tasks.shards import Shard, map_shards
from tasks.tables import read_table
from tasks.tables.arrays import list_array, table_of
from tasks.tables.by_video import RowsByVideo
from tasks.tables.schemas import DETECTIONS, POSES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from models.poses.estimation import PersonCrop, PoseEstimator
    from tasks.params.sections import Params


def run(workspace: Workspace, params: "Params") -> None:
    """Estimate the poses of every video that has detections, frame range by frame range, or take estimated ones."""
    videos = VideoIndex(workspace.tables).with_tables(DETECTIONS)
    if params.estimate.source != "network":
        _take_estimated(workspace, videos, params.estimate)
        return
    work = EstimateWork(workspace.data, workspace.tables, {"pose": workspace.weights("pose")}, params)
    map_shards(work, work.shards(videos), workspace=workspace, params=params)


def _take_estimated(workspace: Workspace, videos: Iterable[str], params: EstimateParams) -> None:
    """Write the poses of another program, or of a keypoint detector, as those of the detections that go with them."""
    source = FilePoses(workspace.tables) if params.source == "file" else NetworkPoses(workspace.tables)

    def rows_of(video_id: str) -> Iterable[pa.Table]:
        boxes = read_table(DETECTIONS, DETECTIONS.path(workspace.tables, video_id))
        boxes = boxes.filter(pc.field("drop_reason").is_null())
        return [_rows(boxes, source.poses(video_id, boxes), params)]

    row_counts = write_video_tables(POSES, list(videos), rows_of, workspace=workspace)
    current().summary(poses=sum(row_counts.values()))


@dataclass(frozen=True)
class EstimateWork(NetworkWork):
    """Poses of one frame range of a video."""

    stage = "estimate"
    inputs = (DETECTIONS,)
    outputs = (POSES,)
    late_modules = ("tasks.inference.networks",)
    sections = ("estimate",)

    def shards(self, video_ids: Iterable[str]) -> list[Shard]:
        """Return the shards of `estimate.shard_frames` frames."""
        return self.shards_of(video_ids, frames=self.params.estimate.shard_frames)

    @cached_property
    def estimator(self) -> "PoseEstimator":
        """The pose network, loaded once in each process."""
        from tasks.inference.networks import load_estimator  # loads torch

        return load_estimator(self.weights["pose"], self.params.estimate)

    @cached_property
    def detections(self) -> Callable[[str], RowsByVideo]:
        """Gives the detections of a video by name, read once for the shards of it that follow each other."""
        return lru_cache(maxsize=1)(
            lambda video_id: RowsByVideo(read_table(DETECTIONS, DETECTIONS.path(self.tables, video_id)))
        )

    @cached_property
    def notices(self) -> list[str]:
        """What the user should know of the pose network."""
        from tasks.inference.networks import crop_size_notices  # loads torch

        return crop_size_notices(self.weights["pose"], self.params.estimate)

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Return the rows of the table poses for the frames of the shard."""
        boxes = self.detections(shard.video_id).in_frames(shard.video_id, shard.first_frame, shard.last_frame)
        boxes = boxes.filter(pc.field("drop_reason").is_null())
        # In frame order, so that each picture is decoded once for both box sources.
        boxes = boxes.sort_by([(name, "ascending") for name in ("frame_index", "box_source", "detection_id")])
        for notice in self.notices:
            current().notice(notice)
        poses = self.estimator.estimate(self._crops(shard.video_id, boxes))
        return {POSES.name: _rows(boxes, poses, self.params.estimate)}

    def _crops(self, video_id: str, boxes: pa.Table) -> Iterator["PersonCrop"]:
        frame_indices, boxes_xywh = boxes["frame_index"].to_numpy(), list_array(boxes, "box_xywh")
        wanted = [int(index) for index in np.unique(frame_indices)]
        _, pictures = self.opened(video_id)
        for frame_index, picture in read_ahead(pictures.read(wanted)):
            for box_xywh in boxes_xywh[frame_indices == frame_index]:
                yield self.estimator.crop(picture, box_xywh)


def _rows(boxes: pa.Table, poses: EstimatedPoses, params: EstimateParams) -> pa.Table:
    """Return rows of the table poses; a pose that repeats a better one of its frame and box source is dropped (A.1)."""
    detection_id = boxes["detection_id"].to_numpy()
    frames = np.char.add(boxes["frame_index"].to_numpy().astype(str), boxes["box_source"].to_numpy().astype(str))
    repeats = repeated_poses(
        poses.xy,
        poses.score,
        poses.pose_score,
        groups=frames,
        keypoint_threshold=params.nms_keypoint_threshold,
        nms_oks=params.nms_oks,
    )
    return table_of(
        POSES,
        {name: boxes[name] for name in ("video_id", "box_source", "frame_index", "detection_id", "box_xywh")}
        | {
            "pose_id": detection_id,
            "origin": ["detected"] * len(boxes),
            "x": poses.xy[..., 0],
            "y": poses.xy[..., 1],
            "score": poses.score,
            "pose_score": poses.pose_score,
            "drop_reason": [None if better < 0 else "duplicate" for better in repeats],
            "duplicate_of": [None if better < 0 else int(detection_id[better]) for better in repeats],
        },
    )
