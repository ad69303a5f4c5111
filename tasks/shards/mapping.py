"""map_shards: finished shards from the store, the others computed, the output tables filled video by video."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import InputError, MachineError
from tasks.gpus import gpus_here
from tasks.out_folder import remove_written
from tasks.progress import Progress, current
from tasks.shards.checkpoints import remove_old_checkpoints
from tasks.shards.finished import FinishedVideos, Reports
from tasks.shards.keys import ShardKeys
from tasks.shards.store import ShardStore, copy_out, store_folder
from tasks.shards.store_upkeep import clear
from tasks.shards.store_uses import in_use
from tasks.shards.work import Entry, Outcome, Shard, ShardWork
from tasks.shards.worker import ShardWorker
from tasks.tables import Table, read_table, write_blocks, write_table
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_LOG: Final = logging.getLogger(__name__)
_MOST_FAULTS: Final = 3
"""Videos with a fault of the machine of their own, after which the machine is taken to have it."""


def map_shards(work: ShardWork, shards: Iterable[Shard], *, workspace: Workspace, params: "Params") -> None:
    """Do `work` on all shards and write its output tables, one file per video, the same bytes on any executor.

    Videos whose files are finished are left alone, and shards that lie in the store are not computed again. A video
    whose work raises is rejected with its reason: its files are absent then, and the rest goes on.

    Raises:
        InputError: the work found input that no video is to blame for, such as weights of another network.
        MachineError: disk, memory or a permission failed, or the workers died. A fault of a single video is raised
            when the others are done, unless too many have one.
        RuntimeError: no video at all could be done.
    """
    store = store_folder(workspace.state, params.compute.store)
    keys = ShardKeys(work, workspace.tables)
    remove_old_checkpoints(store)
    finished = FinishedVideos(work.stage, work.outputs, keys, workspace)
    assembly = _Assembly(work, ShardStore(store, work.outputs), workspace.tables, current(), finished)
    try:
        unfinished = assembly.expect(sorted(shards))
        if keyed := keys.keys(unfinished):
            with in_use(store, keyed.values()):
                pending = assembly.take_stored(keyed)
                for outcome in _execute(work, pending, store=store, state=workspace.state, params=params):
                    assembly.take(outcome)
            _keep_to_size(store, params.compute.store_max_gib)
    finally:
        finished.keep()
    assembly.check_any_done()


def _keep_to_size(store: Path, max_gib: float | None) -> None:
    if max_gib is not None and (cleared := clear(store, max_bytes=max_gib * 2**30)).deleted:
        _LOG.info("shard store: %d least recently used shards made room for %g GiB", len(cleared.deleted), max_gib)


def _execute(
    work: ShardWork, keyed: Sequence[tuple[Shard, str]], *, store: Path, state: Path, params: "Params"
) -> Iterator[Outcome]:
    needs_cluster = params.compute.address is not None or params.compute.gpus_per_worker not in (0, "auto")
    frames = sum(shard.last_frame - shard.first_frame for shard, _ in keyed)
    is_small = len(keyed) < 2 or frames < params.compute.ray_from_frames
    if params.compute.executor == "local" or (is_small and not needs_cluster):
        choice = gpus_here(params.compute.gpus_per_worker)
        _LOG.info("%s: runs on: %s", work.stage, choice.reason)
        worker = ShardWorker(work, store, params.run, choice, checkpoint_frames=params.compute.checkpoint_frames)
        yield from (worker.run(shard, key) for shard, key in keyed)
        return
    from tasks.shards.ray_actors import run_on_ray  # Ray takes seconds to import

    yield from run_on_ray(work, sorted(keyed, key=_size, reverse=True), store=store, state=state, params=params)


def _size(keyed: tuple[Shard, str]) -> tuple[int, int]:
    """How much work a shard may be: large ones go first, so that no worker is left alone with one at the end."""
    shard, _ = keyed
    rows = sum(path.stat().st_size for _, path in shard.inputs if path.is_file())
    return shard.last_frame - shard.first_frame, rows


class _Assembly:
    """Gathers finished shards and writes a video's files as soon as all its shards are there."""

    def __init__(
        self,
        work: ShardWork,
        store: ShardStore,
        tables: Path,
        progress: Progress,
        finished: FinishedVideos,
    ) -> None:
        self._work, self._store, self._tables, self._progress = work, store, tables, progress
        self._finished = finished
        self._keys: dict[Shard, str] = {}
        self._shards: dict[str, list[Shard]] = {}
        self._open: dict[str, set[Shard]] = {}
        self._failed: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._done = self._frames = self._reused = 0

    def expect(self, shards: Sequence[Shard]) -> list[Shard]:
        """Begin: take the videos whose files are finished, and give the shards of the others."""
        self._shards = {video: list(group) for video, group in groupby(shards, lambda shard: shard.video_id)}
        self._open = {video: set(of_video) for video, of_video in self._shards.items()}
        for table in self._work.outputs:
            (self._tables / table.name).mkdir(parents=True, exist_ok=True)
        self._progress.start("videos" if len(shards) == len(self._open) else "shards", len(shards))
        return [shard for video, group in self._shards.items() if not self._take_finished(video) for shard in group]

    def _take_finished(self, video_id: str) -> bool:
        shards = self._shards[video_id]
        reports = self._finished.reports(video_id, shards)
        if reports is None:
            return False
        self._report(reports)
        self._reused += len(shards)
        for shard in shards:
            self._count(shard)
        return True

    def take_stored(self, keys: dict[Shard, str]) -> list[tuple[Shard, str]]:
        """Take what the store holds of these shards; the rest, with keys, is to be computed."""
        self._keys = keys
        pending = []
        for shard, key in keys.items():
            if self._store.find(key) is None:
                pending.append((shard, key))
            else:
                self._reused += 1
                self.take(Outcome(shard))
        return pending

    def take(self, outcome: Outcome) -> None:
        """Take one ended shard, and write its video when it was the last."""
        shard = outcome.shard
        if outcome.failure is not None:
            self._fail(outcome)
        self._open[shard.video_id].discard(shard)
        if not self._open[shard.video_id]:
            self._finish(shard.video_id)
        self._count(shard)

    def _count(self, shard: Shard) -> None:
        self._done += 1
        self._frames += shard.last_frame - shard.first_frame
        self._progress.advance(self._done, video=shard.video_id, frames=self._frames, reused=self._reused)

    def check_any_done(self) -> None:
        """Raise when the machine failed at a video, or when every video was rejected: the fault is hardly theirs."""
        if self._faults:
            raise self._machine_error()
        if self._failed and len(self._failed) == len(self._open):
            video, reason = next(iter(self._failed.items()))
            raise RuntimeError(f"none of {len(self._open)} videos could be done; the first, {video}: {reason}")

    def _fail(self, outcome: Outcome) -> None:
        _LOG.debug("video %s\n%s", outcome.shard.video_id, outcome.traceback)
        if outcome.bad_input:
            raise InputError(outcome.failure)
        if outcome.machine_fault:
            if outcome.machine_wide:
                raise MachineError(outcome.failure or "")
            self._faults.setdefault(outcome.shard.video_id, outcome.failure or "")
            if len(self._faults) == _MOST_FAULTS:
                raise self._machine_error()
            return
        self._failed.setdefault(outcome.shard.video_id, str(outcome.failure))

    def _machine_error(self) -> MachineError:
        video_id, reason = next(iter(self._faults.items()))
        others = ", ".join(name for name in self._faults if name != video_id)
        return MachineError(f"{reason}; likewise at {others}" if others else reason, video_id=video_id)

    def _finish(self, video_id: str) -> None:
        if video_id in self._faults:
            return
        if video_id in self._failed:
            self._progress.reject(video_id, "", self._failed[video_id])
            for table in self._work.outputs:
                remove_written(table.path(self._tables, video_id))
            return
        entries = [self._entry(shard, self._keys[shard]) for shard in self._shards[video_id]]
        reports = [entry.reports for entry in entries]
        self._report(reports)
        for table in self._work.outputs:
            _write(self._work, table, entries, table.path(self._tables, video_id))
        self._finished.record(video_id, reports)

    def _entry(self, shard: Shard, key: str) -> Entry:
        entry = self._store.find(key)
        if entry is None:
            raise OSError(f"shard store: expected video {shard.video_id} just stored, got nothing; run again")
        return entry

    def _report(self, reports: Reports) -> None:
        for of_shard in reports:
            for text in of_shard.get("notices", []):
                self._progress.notice(text)
            for reject in of_shard.get("rejects", []):
                self._progress.reject(**reject)


def _write(work: ShardWork, table: Table, entries: Sequence[Entry], path: Path) -> None:
    """One file from the video's shards; from a single one by copy, which has the bytes that writing it would give."""
    if len(entries) == 1:
        copy_out(entries[0].files[table.name], path, entries[0].digests[table.name])
        return
    files = [entry.files[table.name] for entry in entries]
    if joined := getattr(work, "joined", None):
        write_table(table, joined(table, pa.concat_tables(read_table(table, file) for file in files)), path)
    else:
        write_blocks(table, _by_source(table, files), path)


def _by_source(table: Table, files: Sequence[Path]) -> Iterator[pa.Table]:
    """Rows of frame ranges in the order of the table's key, where the source of boxes stands before the frame."""
    if "box_source" not in table.key:
        yield from (read_table(table, file) for file in files)
        return
    of_files = (read_table(table, file, ["box_source"])["box_source"].unique().to_pylist() for file in files)
    for source in sorted({source for sources in of_files for source in sources}):
        yield from (read_table(table, file).filter(pc.field("box_source") == source) for file in files)
