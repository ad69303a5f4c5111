"""Stage recover: missed poses, and the correspondences and affinities that tracking reads (5.1, equation 6)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tasks.inference.video_shards import whole_videos
from tasks.inference.videos import VideoIndex
from tasks.inference.weight_files import weight_bytes
from tasks.params.section import section_json
from tasks.shards import Shard, map_shards
from tasks.tables import Table, read_table
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, DETECTIONS, POSES, RECOVERED_POSES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

if TYPE_CHECKING:
    from tasks.inference.video_walker import VideoWalker


def run(workspace: Workspace, params: "Params") -> None:
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

    Attributes:
        box_sources: those to walk; None means all.
        refine: False leaves the refinement network out: what the tables tell of the maps C is 0 then.
    """

    data: Path
    tables: Path
    pose_weights: Path
    correspondence_weights: Path
    params: "Params"
    box_sources: tuple[str, ...] | None = None
    refine: bool = True
    stage: str = "recover"
    outputs: tuple[Table, ...] = (RECOVERED_POSES, CORRESPONDENCES, AFFINITIES)
    late_modules: tuple[str, ...] = ("tasks.inference.video_walker",)

    def key_parts(self) -> dict[str, str | bytes]:
        """What the result depends on beside the shard."""
        return {
            "pose_weights": weight_bytes(self.pose_weights),
            "correspondence_weights": weight_bytes(self.correspondence_weights),
            "params": section_json(self.params, self.stage, "estimate"),
            "part": repr((self.box_sources, self.refine)),
        }

    @cached_property
    def index(self) -> VideoIndex:
        """The index, read once in each process."""
        return VideoIndex(self.tables)

    @cached_property
    def walker(self) -> "VideoWalker":
        """The networks, loaded once in each process that works on shards."""
        from tasks.inference.video_walker import VideoWalker  # loads torch, which the driver of workers does without

        return VideoWalker(
            self.pose_weights,
            self.correspondence_weights,
            estimate=self.params.estimate,
            recover=self.params.recover,
            refine=self.refine,
        )

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Rows of recovered_poses, correspondences and affinities of the video."""
        poses = read_table(POSES, POSES.path(self.tables, shard.video_id))
        if self.box_sources is not None:
            poses = poses.filter(pc.is_in(poses["box_source"], pa.array(self.box_sources)))
        return self.walker.walk(self.index.video(shard.video_id), poses, data=self.data)
