"""Stage recover: missed poses, and the correspondences and affinities that tracking reads (5.1, equation 6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.inference.network_work import NetworkWork
from tasks.inference.videos import VideoIndex
from tasks.progress import current
from tasks.shards import Shard, map_shards
from tasks.tables import read_table
from tasks.tables.schemas import AFFINITIES, CORRESPONDENCES, DETECTIONS, POSES, RECOVERED_POSES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.inference.video_recovery import VideoRecovery
    from tasks.params.sections import Params


_POSE_COLUMNS: Final = ("box_source", "frame_index", "pose_id", "x", "y", "score", "drop_reason")


def run(workspace: Workspace, params: "Params") -> None:
    """Recover missed poses in every video that has poses, and read the correspondence maps at all poses."""
    weights = {name: workspace.weights(name) for name in ("pose", "correspondence")}
    if params.estimate.source != "network" and not weights["pose"].is_file():
        del weights["pose"]
        current().notice("no pose network: recovered poses keep the keypoints that correspondences propagated")
    work = RecoverWork(workspace.data, workspace.tables, weights, params)
    videos = VideoIndex(workspace.tables).with_tables(DETECTIONS, POSES)
    map_shards(work, work.shards(videos), workspace=workspace, params=params)


@dataclass(frozen=True)
class RecoverWork(NetworkWork):
    """Recovery of one video; a recovered pose is estimated by the section `estimate`, as the detected ones were.

    Attributes:
        box_sources: box sources to recover poses of; None means all.
        refine: False leaves the refinement network out; the columns of the refined maps C are 0 then.
    """

    stage = "recover"
    inputs = (POSES,)
    outputs = (RECOVERED_POSES, CORRESPONDENCES, AFFINITIES)
    late_modules = ("tasks.inference.video_recovery",)
    sections = ("recover", "estimate")

    box_sources: tuple[str, ...] | None = None
    refine: bool = True

    def key_parts(self) -> dict[str, str | bytes]:
        """Return what the result depends on besides code and shard: weights, params, and the part that is asked for."""
        return super().key_parts() | {"part": repr((self.box_sources, self.refine))}

    @cached_property
    def recovery(self) -> "VideoRecovery":
        """The networks, loaded once in each process."""
        from tasks.inference.video_recovery import VideoRecovery  # loads torch

        return VideoRecovery(
            self.weights, estimate=self.params.estimate, recover=self.params.recover, refine=self.refine
        )

    @cached_property
    def notices(self) -> list[str]:
        """What the user should know of the correspondence network."""
        from tasks.inference.networks import frame_size_notices  # loads torch

        return frame_size_notices(self.weights["correspondence"], self.params.recover)

    def __call__(self, shard: Shard) -> dict[str, Iterator[pa.Table]]:
        """Return the rows of recovered_poses, correspondences and affinities of the video, in blocks."""
        for notice in self.notices:
            current().notice(notice)
        video = self.index.video(shard.video_id)
        return self.recovery.recover(video, self._poses(shard.video_id), data=self.data)

    def _poses(self, video_id: str) -> pa.Table:
        poses = read_table(POSES, POSES.path(self.tables, video_id), _POSE_COLUMNS)
        return poses if self.box_sources is None else poses.filter(pc.field("box_source").isin(self.box_sources))
