"""Videos whose output files already are those of their present inputs: neither the store nor a table is read for them.

That is what makes a run on a corpus of which little is new cheap, and lets the store be emptied at no cost but that of
recomputing what changes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.fresh_videos import FreshVideos
from tasks.shards.keys import ShardKeys
from tasks.shards.work import Shard
from tasks.tables import Table
from tasks.workspace import Workspace

Reports = list[dict[str, Any]]
"""What the work on each shard of a video reported."""


class FinishedVideos:
    """The record of a stage's videos: what their files were made from, and what was reported of them.

    Args:
        stage: of the work.
        outputs: its tables.
        keys: of its shards.
        workspace: where the files and the record lie.
    """

    def __init__(self, stage: str, outputs: Sequence[Table], keys: ShardKeys, workspace: Workspace) -> None:
        self._outputs, self._keys, self._tables = outputs, keys, workspace.tables
        self._fresh = FreshVideos(workspace, stage, keys.work_key, record=f"{stage}-shards")
        self._key_of: dict[str, str] = {}

    def reports(self, video_id: str, shards: Sequence[Shard]) -> Reports | None:
        """What was reported of a video whose files are finished; None where they are not."""
        ranges = [[shard.first_frame, shard.last_frame, [name for name, _ in shard.inputs]] for shard in shards]
        inputs = {path for shard in shards for _, path in shard.inputs}
        key = self._fresh.key(inputs, [ranges, self._keys.rows_of(video_id)])
        self._key_of[video_id] = key
        facts = self._fresh.facts(video_id, key)
        return None if facts is None else list(facts["reports"])

    def record(self, video_id: str, reports: Reports) -> None:
        """Note that the files of a video are written."""
        self._fresh.record(video_id, self._key_of[video_id], self.files(video_id), {"reports": reports})

    def files(self, video_id: str) -> list[Path]:
        """The output files of a video."""
        return [table.path(self._tables, video_id) for table in self._outputs]

    def keep(self) -> None:
        """Keep the record for the next run."""
        self._fresh.keep()
