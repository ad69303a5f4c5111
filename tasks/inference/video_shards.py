"""Videos as shards."""

from collections.abc import Sequence
from pathlib import Path

from tasks.inference.videos import VideoIndex
from tasks.shards import Shard
from tasks.tables import Table


def whole_videos(tables: Path, video_ids: Sequence[str], *inputs: Table) -> list[Shard]:
    """A shard for each video of the index, with all its frames and the files of its input tables."""
    index = VideoIndex(tables)
    return [
        Shard(
            video_id,
            0,
            len(index.video(video_id).frames),
            tuple((table.name, table.path(tables, video_id)) for table in inputs),
        )
        for video_id in video_ids
    ]
