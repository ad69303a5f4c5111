"""The table of states in an out folder, `video_states.parquet`: one row per video that was ever seen, one writer."""

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from flows.scheduling.video_states import (
    STATES,
    Keys,
    Seen,
    VideoState,
    at_end,
    at_fault,
    row_at_start,
)
from tasks.tables import Table, TableError, read_table, write_table

_MEANINGS: Final = {
    "video_id": (pa.string(), "video, unique in the corpus"),
    "state": (pa.string(), ", ".join(STATES)),
    "reason": (pa.string(), "why it waits, was rejected, failed or was removed; of a done video: what was left out"),
    "bytes_sha256": (pa.string(), "digest of the video's bytes"),
    "companions_sha256": (pa.string(), "digest of its annotations, boxes and poses"),
    "code": (pa.string(), "digest of the code that made its tracks"),
    "params": (pa.string(), "digest of the params that made its tracks"),
    "weights": (pa.string(), "digest of the weights that made its tracks"),
    "attempts": (pa.int64(), "runs in which a fault of the machine hit it since its bytes changed"),
    "first_seen": (pa.string(), "UTC, ISO 8601"),
    "last_seen": (pa.string(), "UTC, ISO 8601"),
    "host": (pa.string(), "machine that tracks it now"),
    "pid": (pa.int64(), "process that tracks it now, 0 for none"),
    "seconds": (pa.float64(), "its share by frames of the run that made its tracks"),
    "frames": (pa.int64(), "frames of the video"),
    "stamp": (pa.string(), "size and time of the last change: the first look"),
    "results": (pa.int64(), "files of its results in the out folder"),
}
VIDEO_STATES: Final = Table(
    "video_states",
    pa.schema(
        [pa.field(name, kind, nullable=False, metadata={"meaning": text}) for name, (kind, text) in _MEANINGS.items()]
    ),
    ("video_id",),
    per_video=False,
)


class StateTable:
    """The rows of one out folder, read once and written whole after each change.

    Args:
        out: the out folder, which this process alone writes to.
        keys: what this run tracks by.
        attempts: how often a fault of the machine may hit a video before it is given up.
    """

    def __init__(self, out: Path, keys: Keys | None = None, *, attempts: int = 3) -> None:
        self.path = VIDEO_STATES.path(out)
        self.rows = read_states(out)
        self._keys, self._attempts = keys or Keys(), attempts

    def start(self, seen: Mapping[str, Seen], results: Mapping[str, int]) -> None:
        """Give every video its state before the tracking; those to be tracked are running from now on."""
        now = _now()
        rows = {}
        for video_id in sorted({*seen, *self.rows}):
            sight = seen.get(video_id, Seen("absent"))
            row = row_at_start(video_id, sight, self.rows.get(video_id), self._keys, attempts=self._attempts, now=now)
            rows[video_id] = replace(row, results=results.get(video_id, 0))
        self.rows = {
            video_id: replace(row, state="running", host=socket.gethostname(), pid=os.getpid())
            if row.state == "pending"
            else row
            for video_id, row in rows.items()
            if row.state != "removed" or row.results
        }
        self.write()

    def held_back(self) -> dict[str, str]:
        """Videos that decode but are not tried again, with the reason."""
        return {name: row.reason for name, row in self.rows.items() if row.state in {"rejected", "failed"}}

    def wait(self, seen: Mapping[str, Seen]) -> None:
        """Note which videos wait now; the others stay as they are, and those that wait no more are gone."""
        known, now = self.rows, _now()
        rows = {name: row for name, row in known.items() if row.state != "waiting"}
        for name, sight in {**{name: Seen("absent") for name in set(known) - set(rows)}, **seen}.items():
            row = row_at_start(name, sight, known.get(name), self._keys, attempts=self._attempts, now=now)
            if row.state != "removed" or row.results:
                rows[name] = row
        if rows != known:
            self.rows = rows
            self.write()

    def named(self) -> dict[str, list[str]]:
        """Names of the videos that this run leaves alone, by state."""
        shown: dict[str, list[str]] = {}
        for row in self.rows.values():
            if row.state not in {"done", "running"}:
                shown.setdefault(row.state, []).append(row.video_id)
        return shown

    def end(
        self, rejected: Mapping[str, str], notes: Mapping[str, str], results: Mapping[str, int], seconds: float
    ) -> None:
        """Note how the videos ended that were running.

        Args:
            rejected: why a video has no tracks.
            notes: what was left out of one that has.
            results: files of results of each video.
            seconds: of all stages together.
        """
        running = [row for row in self.rows.values() if row.state == "running"]
        frames = sum(row.frames for row in running) or 1
        for row in running:
            share = seconds * row.frames / frames
            reason = rejected.get(row.video_id)
            self.rows[row.video_id] = at_end(row, rejected=reason, keys=self._keys, seconds=round(share, 3))
        for name, row in self.rows.items():
            reason = notes.get(name, row.reason) if row.state == "done" else row.reason
            self.rows[name] = replace(row, results=results.get(name, 0), reason=reason)
        self.write()

    def fault(self, reason: str, video_id: str | None) -> None:
        """Note that the run ended early, by a fault that hit `video_id`, or none of them in particular."""
        self.change(
            lambda row: (
                at_fault(row, reason=reason, is_its_own=row.video_id == video_id) if row.state == "running" else row
            )
        )

    def change(self, changed: Callable[[VideoState], VideoState]) -> None:
        """Replace every row by what `changed` makes of it."""
        self.rows = {name: changed(row) for name, row in self.rows.items()}
        self.write()

    def drop(self, video_ids: Iterable[str]) -> None:
        """Remove rows."""
        gone = set(video_ids)
        self.rows = {name: row for name, row in self.rows.items() if name not in gone}
        self.write()

    def write(self) -> None:
        """Write all rows."""
        write_table(VIDEO_STATES, [_as_row(row) for row in self.rows.values()], self.path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_states(out: Path) -> dict[str, VideoState]:
    """Rows of the out folder by video; none where there is no table, or a damaged one."""
    try:
        rows = read_table(VIDEO_STATES, VIDEO_STATES.path(out)).to_pylist()
    except TableError:
        return {}
    return {row["video_id"]: _as_state(row) for row in rows}


def _as_row(state: VideoState) -> dict[str, Any]:
    row = asdict(state)
    keys: dict[str, Any] = row.pop("keys")
    return row | keys


def _as_state(row: dict[str, Any]) -> VideoState:
    keys = Keys(**{name: row.pop(name) for name in ("code", "params", "weights")})
    return VideoState(**row, keys=keys)
