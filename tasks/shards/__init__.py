"""Work over shards of the corpus: in this process or on Ray actors, resumed from a store, with the same bytes."""

from tasks.shards.mapping import map_shards
from tasks.shards.work import Shard, ShardWork

__all__ = ["Shard", "ShardWork", "map_shards"]
