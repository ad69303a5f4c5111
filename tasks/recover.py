"""Stage recover: missed poses, and the correspondences and affinities that tracking reads (5.1, equation 6)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from models.checkpoints import load_correspondence, load_pose
from tasks.inference.box_source_poses import BoxSourcePoses
from tasks.inference.correspondence_maps import CorrespondenceMaps
from tasks.inference.networks import loaded, weight_bytes
from tasks.inference.pose_estimator import PoseEstimator
from tasks.inference.recovered_poses import Recovery
from tasks.inference.video_shards import whole_videos
from tasks.inference.video_walk import VideoWalk
from tasks.inference.videos import VideoIndex
from tasks.params import Params, section_json
from tasks.shards import Shard, map_shards
from tasks.tables import Table, read_table
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, DETECTIONS, POSES, RECOVERED_POSES
from tasks.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Walk every video that has poses."""
    index = VideoIndex(workspace.tables)
    weights = (workspace.weights("pose"), workspace.weights("correspondence"))
    work = RecoverWork(workspace.data, workspace.tables, *weights, params)
    videos = whole_videos(workspace.tables, index.with_tables(DETECTIONS, POSES), POSES)
    map_shards(work, videos, workspace=workspace, params=params)


@dataclass(frozen=True)
class RecoverWork:
    """Recovery of one video; holds paths and params, the networks come with the first shard.

    The section `estimate` tells how a recovered pose is estimated, as it told for the detected ones.
    """

    data: Path
    tables: Path
    pose_weights: Path
    correspondence_weights: Path
    params: Params
    stage: str = "recover"
    outputs: tuple[Table, ...] = (RECOVERED_POSES, CORRESPONDENCES, AFFINITIES)

    def key_parts(self) -> dict[str, str | bytes]:
        """What the result depends on beside the shard."""
        return {
            "pose_weights": weight_bytes(self.pose_weights),
            "correspondence_weights": weight_bytes(self.correspondence_weights),
            "params": section_json(self.params, self.stage, "estimate"),
        }

    @cached_property
    def index(self) -> VideoIndex:
        """The index, read once in each process."""
        return VideoIndex(self.tables)

    @cached_property
    def recovery(self) -> Recovery:
        """The pose network and the rules of 5.1, loaded once in each process."""
        return Recovery(PoseEstimator(loaded(load_pose, self.pose_weights), self.params.estimate), self.params.recover)

    @cached_property
    def network(self) -> CorrespondenceMaps:
        """The correspondence network, loaded once in each process."""
        return CorrespondenceMaps(loaded(load_correspondence, self.correspondence_weights), self.params.recover)

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Rows of recovered_poses, correspondences and affinities of the video."""
        video = self.index.video(shard.video_id)
        poses = read_table(POSES, POSES.path(self.tables, shard.video_id))
        sources = [
            BoxSourcePoses(source, video.frames_of(source), poses.filter(pc.field("box_source") == source))
            for source in sorted(set(poses["box_source"].to_pylist()))
        ]
        walk = VideoWalk(
            shard.video_id, sources, network=self.network, recovery=self.recovery, params=self.params.recover
        )
        return walk.run(video.open(self.data))
