"""Stage merge: join the tracks of one person across gaps (A.4, equation 8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from models.tracking.merging import MergeRule
from tasks.inference.merging import TracksOfSource, merged_rows, unmerged_rows
from tasks.inference.network_work import NetworkWork
from tasks.inference.video_tables import write_video_tables
from tasks.inference.videos import VideoIndex
from tasks.shards import Shard, map_shards
from tasks.tables.by_video import box_sources
from tasks.tables.schemas import DETECTIONS, MERGED_TRACKS, TRACKS
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.inference.gap_propagation import GapPropagation
    from tasks.params.sections import Params


def run(workspace: Workspace, params: "Params") -> None:
    """Merge the tracks of every video; where merging is switched off, pass them on as they are."""
    tables, index = workspace.tables, VideoIndex(workspace.tables)
    videos = index.with_tables(DETECTIONS, TRACKS)
    if params.merge.enabled:
        work = MergeWork(workspace.data, tables, {"correspondence": workspace.weights("correspondence")}, params)
        map_shards(work, work.shards(videos), workspace=workspace, params=params)
    else:
        write_video_tables(MERGED_TRACKS, videos, lambda name: _unmerged(tables, name), workspace=workspace)


def _unmerged(tables: Path, video_id: str) -> Iterator[pa.Table]:
    return chain.from_iterable(map(unmerged_rows, _sources(tables, video_id)))


def _sources(tables: Path, video_id: str) -> list[TracksOfSource]:
    path = TRACKS.path(tables, video_id)
    return [TracksOfSource.of(source, path) for source in box_sources(TRACKS, path)]


@dataclass(frozen=True)
class MergeWork(NetworkWork):
    """Merging of one video; correspondences over gaps are computed by the section `recover`, as between neighbours."""

    stage = "merge"
    inputs = (TRACKS,)
    outputs = (MERGED_TRACKS,)
    late_modules = ("tasks.inference.gap_propagation",)
    sections = ("merge", "recover")

    @cached_property
    def propagation(self) -> "GapPropagation":
        """The correspondence network, loaded once in each process."""
        from tasks.inference.gap_propagation import load_propagation  # loads torch

        return load_propagation(self.weights["correspondence"], self.params.recover)

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

    def __call__(self, shard: Shard) -> dict[str, Iterator[pa.Table]]:
        """Rows of the table merged_tracks of the video."""
        sources = _sources(self.tables, shard.video_id)
        frames = self.index.video(shard.video_id).open(self.data)
        propagated = self.propagation.propagate(sources, frames, max_gap_frames=self.rule.max_gap_frames)
        parts = [merged_rows(tracks, propagated[tracks.box_source], self.rule) for tracks in sources]
        return {MERGED_TRACKS.name: chain.from_iterable(parts)}
