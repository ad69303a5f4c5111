"""Stage merge: join the tracks of one person across gaps (A.4, equation 8)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from models.tracking.merging import MergeRule
from tasks.inference.merging import TracksOfSource, merged_rows, unmerged_rows
from tasks.inference.video_shards import whole_videos
from tasks.inference.video_tables import write_video_tables
from tasks.inference.videos import VideoIndex
from tasks.inference.weight_files import weight_bytes
from tasks.params.section import section_json
from tasks.shards import Shard, map_shards
from tasks.tables import Table, read_table
from tasks.tables.schemas import DETECTIONS, MERGED_TRACKS, TRACKS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

if TYPE_CHECKING:
    from tasks.inference.wide_carrier import WideCarrier


def run(workspace: Workspace, params: "Params") -> None:
    """Merge the tracks of every video; where merging is switched off, pass them on as they are."""
    tables, index = workspace.tables, VideoIndex(workspace.tables)
    videos = index.with_tables(DETECTIONS, TRACKS)
    if params.merge.enabled:
        work = MergeWork(workspace.data, tables, workspace.weights("correspondence"), params)
        map_shards(work, whole_videos(tables, videos, TRACKS), workspace=workspace, params=params)
    else:
        write_video_tables(MERGED_TRACKS, videos, lambda name: _unmerged(tables, name), workspace=workspace)


def _unmerged(tables: Path, video_id: str) -> pa.Table:
    parts = [unmerged_rows(own) for own in _sources(tables, video_id)]
    return pa.concat_tables([*parts, MERGED_TRACKS.schema.empty_table()])


def _sources(tables: Path, video_id: str) -> list[TracksOfSource]:
    rows = read_table(TRACKS, TRACKS.path(tables, video_id))
    return [TracksOfSource.of(source, rows) for source in sorted(set(rows["box_source"].to_pylist()))]


@dataclass(frozen=True)
class MergeWork:
    """Merging of one video; holds paths and params, the network comes with the first shard.

    The section `recover` tells how correspondences are computed, as it told between neighbouring frames.
    """

    data: Path
    tables: Path
    weights: Path
    params: "Params"
    stage: str = "merge"
    outputs: tuple[Table, ...] = (MERGED_TRACKS,)
    late_modules: tuple[str, ...] = ("tasks.inference.wide_carrier",)

    def key_parts(self) -> dict[str, str | bytes]:
        """What the result depends on beside the shard."""
        return {"weights": weight_bytes(self.weights), "params": section_json(self.params, self.stage, "recover")}

    @cached_property
    def index(self) -> VideoIndex:
        """The index, read once in each process."""
        return VideoIndex(self.tables)

    @cached_property
    def carrier(self) -> "WideCarrier":
        """The correspondence network, loaded once in each process that works on shards."""
        from tasks.inference.wide_carrier import load_carrier  # loads torch, which the driver of workers does without

        return load_carrier(self.weights, self.params.recover)

    @property
    def rule(self) -> MergeRule:
        """The thresholds as the mathematics names them."""
        merge = self.params.merge
        return MergeRule(
            max_gap_frames=merge.max_gap_frames,
            similarity_threshold=merge.similarity_threshold,
            corr_threshold=merge.corr_threshold,
            joint_threshold=self.params.recover.query_keypoint_threshold,
            min_keypoints=merge.min_keypoints,
        )

    def __call__(self, shard: Shard) -> dict[str, pa.Table]:
        """Rows of the table merged_tracks of the video."""
        sources = _sources(self.tables, shard.video_id)
        frames = self.index.video(shard.video_id).open(self.data)
        carried = self.carrier.carry(sources, frames, max_gap_frames=self.rule.max_gap_frames)
        parts = [merged_rows(own, carried[own.box_source], self.rule) for own in sources]
        return {MERGED_TRACKS.name: pa.concat_tables([*parts, MERGED_TRACKS.schema.empty_table()])}
