"""Stage estimate: a pose in every box, then non-maximum suppression by OKS in each frame (6.1, A.1).

A batch holds boxes of one shard in frame order, so the bytes of a result depend on `estimate.batch_size`,
`estimate.shard_frames`, `run.threads_per_worker`, the precision and the machine, and on no worker and no other video.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.poses.nms import suppress
from models.poses.oks import body_keypoints, pose_oks
from tasks.inference.network_work import NetworkWork
from tasks.inference.videos import VideoIndex
from tasks.params.estimate import EstimateParams
from tasks.progress import current
from tasks.shards import Shard, map_shards
from tasks.tables import read_table
from tasks.tables.arrays import list_array, table_of
from tasks.tables.schemas import DETECTIONS, POSES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.inference.pose_estimator import EstimatedPoses, PersonCrop, PoseEstimator
    from tasks.params.sections import Params


def run(workspace: Workspace, params: "Params") -> None:
    """Estimate the poses of every video that has detections, frame range by frame range."""
    work = EstimateWork(workspace.data, workspace.tables, {"pose": workspace.weights("pose")}, params)
    videos = VideoIndex(workspace.tables).with_tables(DETECTIONS)
    map_shards(work, work.shards(videos), workspace=workspace, params=params)


@dataclass(frozen=True)
class EstimateWork(NetworkWork):
    """Poses of one frame range of a video."""

    stage = "estimate"
    inputs = (DETECTIONS,)
    outputs = (POSES,)
    late_modules = ("tasks.inference.pose_estimator",)
    sections = ("estimate",)

    def shards(self, video_ids: Iterable[str]) -> list[Shard]:
        """Return the shards of `estimate.shard_frames` frames; a video without frames is one empty shard."""
        size = self.params.estimate.shard_frames
        return [
            replace(video, first_frame=first, last_frame=min(first + size, video.last_frame))
            for video in super().shards(video_ids)
            for first in range(0, max(video.last_frame, 1), size)
        ]

    @cached_property
    def estimator(self) -> "PoseEstimator":
        """The pose network, loaded once in each process that works on shards."""
        from tasks.inference.pose_estimator import (
            load_estimator,  # loads torch, which the driver of workers does without
        )

        return load_estimator(self.weights["pose"], self.params.estimate)

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Rows of the table poses for the frames of the shard."""
        boxes = read_table(DETECTIONS, DETECTIONS.path(self.tables, shard.video_id))
        in_range = (pc.field("frame_index") >= shard.first_frame) & (pc.field("frame_index") < shard.last_frame)
        boxes = boxes.filter(in_range & pc.field("drop_reason").is_null())
        # In frame order, so that each picture is decoded once for both box sources.
        boxes = boxes.sort_by([(name, "ascending") for name in ("frame_index", "box_source", "detection_id")])
        for notice in self.estimator.notices:
            current().notice(notice)
        poses = self.estimator.estimate(self._crops(shard.video_id, boxes))
        return {POSES.name: _rows(boxes, poses, self.params.estimate)}

    def _crops(self, video_id: str, boxes: pa.Table) -> Iterator["PersonCrop"]:
        frame_indices, boxes_xywh = boxes["frame_index"].to_numpy(), list_array(boxes, "box_xywh")
        wanted = [int(index) for index in np.unique(frame_indices)]
        for frame_index, picture in self.index.video(video_id).open(self.data).read(wanted):
            for box_xywh in boxes_xywh[frame_indices == frame_index]:
                yield self.estimator.crop(picture, box_xywh)


def _rows(boxes: pa.Table, poses: "EstimatedPoses", params: EstimateParams) -> pa.Table:
    kept = ("video_id", "box_source", "frame_index", "detection_id")
    duplicate_of = _duplicates(boxes, poses, params)
    return table_of(
        POSES,
        {name: boxes[name] for name in kept}
        | {
            "pose_id": boxes["detection_id"],
            "origin": ["detected"] * len(boxes),
            "box_xywh": boxes["box_xywh"],
            "x": poses.xy[..., 0],
            "y": poses.xy[..., 1],
            "score": poses.score,
            "pose_score": poses.pose_score,
            "drop_reason": ["duplicate" if better is not None else None for better in duplicate_of],
            "duplicate_of": duplicate_of,
        },
    )


def _duplicates(boxes: pa.Table, poses: "EstimatedPoses", params: EstimateParams) -> list[int | None]:
    """Return the better pose of the same frame and box source whose OKS with each pose is above `nms_oks`, or None."""
    duplicate_of: list[int | None] = [None] * len(boxes)
    pose_id = boxes["detection_id"].to_numpy()
    places = np.char.add(boxes["frame_index"].to_numpy().astype(str), boxes["box_source"].to_numpy().astype(str))
    for place in np.unique(places):
        rows = np.flatnonzero(places == place)
        xy, valid = poses.xy[rows], body_keypoints(poses.score[rows], params.nms_keypoint_threshold)
        matrix = pose_oks(xy, xy, candidate_valid=valid, reference_valid=valid)
        by = suppress(poses.pose_score[rows], matrix, threshold=params.nms_oks).suppressed_by
        for row, better in zip(rows[by >= 0], rows[by[by >= 0]], strict=True):
            duplicate_of[row] = int(pose_id[better])
    return duplicate_of
