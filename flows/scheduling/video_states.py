"""The state of a video between runs, as pure functions of what is seen now and what was known before."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

State = Literal["waiting", "pending", "running", "done", "rejected", "failed", "removed"]
"""Not whole yet; to be tracked; being tracked; tracked; broken; failed by a fault of the machine; not in the corpus."""
STATES: tuple[State, ...] = get_args(State)
Sight = Literal["absent", "waiting", "broken", "whole"]
"""How a run finds a video: not in the corpus; perhaps still being written; not to be decoded; decoded."""


@dataclass(frozen=True)
class Keys:
    """Digests of what a run tracks by; tracks are stale once one of them differs."""

    code: str = ""
    params: str = ""
    weights: str = ""


@dataclass(frozen=True)
class Seen:
    """A video as a run finds it."""

    sight: Sight
    bytes_sha256: str = ""
    """Of its media."""
    companions_sha256: str = ""
    """Of its annotations, boxes and poses."""
    reason: str = ""
    """Why it is broken or waiting, or what of it was left out."""
    frames: int = 0
    stamp: str = ""
    """Size and time of the last change: the first look."""


@dataclass(frozen=True)
class VideoState:
    """A row of the table of states."""

    video_id: str
    state: State
    bytes_sha256: str = ""
    companions_sha256: str = ""
    keys: Keys = Keys()
    """What its tracks were made by."""
    reason: str = ""
    attempts: int = 0
    """Runs in which a fault of the machine hit it since its bytes changed."""
    first_seen: str = ""
    last_seen: str = ""
    host: str = ""
    pid: int = 0
    seconds: float = 0.0
    frames: int = 0
    stamp: str = ""
    results: int = 0
    """Files of results."""


def at_start(seen: Seen, before: VideoState | None, keys: Keys, *, attempts: int) -> State:
    """The state that a run gives a video before it tracks any.

    Args:
        seen: the video now.
        before: its row, if it was seen before.
        keys: what this run tracks by.
        attempts: how often a fault of the machine may hit a video before it is given up.
    """
    if seen.sight != "whole":
        return {"absent": "removed", "waiting": "waiting", "broken": "rejected"}[seen.sight]  # type: ignore[return-value]
    if before is None or not _is_same(seen, before):
        return "pending"
    if before.state == "rejected":
        return "rejected"
    if before.state == "failed" and before.attempts >= attempts:
        return "failed"
    return "done" if before.state == "done" and before.keys == keys else "pending"


def row_at_start(
    video_id: str, seen: Seen, before: VideoState | None, keys: Keys, *, attempts: int, now: str
) -> VideoState:
    """The row that belongs to `at_start`: what is known of other bytes is forgotten."""
    state = at_start(seen, before, keys, attempts=attempts)
    row = before or VideoState(video_id, state, first_seen=now)
    if state == "removed":
        return replace(row, state=state, reason="not in the corpus; its results stay until `corrtrack prune`")
    if state == "waiting":
        return replace(row, state=state, reason=seen.reason, last_seen=now, stamp=seen.stamp)
    if not _is_same(seen, row):
        row = replace(row, attempts=0, seconds=0.0, keys=Keys())
    kept = state in {"rejected", "failed"} and seen.sight == "whole"
    return replace(
        row,
        state=state,
        reason=row.reason if kept else seen.reason,
        bytes_sha256=seen.bytes_sha256,
        companions_sha256=seen.companions_sha256,
        frames=seen.frames,
        stamp=seen.stamp,
        last_seen=now,
    )


def at_end(row: VideoState, *, rejected: str | None, keys: Keys, seconds: float) -> VideoState:
    """The row of a video that a finished run worked on; `rejected` is why it has no tracks, None where it has."""
    if rejected is not None:
        return replace(row, state="rejected", reason=rejected, host="", pid=0)
    return replace(row, state="done", keys=keys, attempts=0, seconds=seconds, host="", pid=0)


def at_fault(row: VideoState, *, reason: str, is_its_own: bool) -> VideoState:
    """The row of a video whose run ended early; `is_its_own`: a fault of the machine hit this very video."""
    if is_its_own:
        return replace(row, state="failed", reason=reason, attempts=row.attempts + 1, host="", pid=0)
    return replace(row, state="pending", reason=reason, host="", pid=0)


def retried(row: VideoState) -> VideoState:
    """The row of a video that is to be tried again although its bytes are the same."""
    return replace(row, state="pending", reason="", attempts=0) if row.state in {"rejected", "failed"} else row


def why_it_waits(*, opens: bool, quiet_seconds: float, settle_seconds: float, is_as_before: bool) -> str:
    """Why a file may still be being written; empty where it is taken for whole.

    Args:
        opens: whether its container can be read.
        quiet_seconds: since its size or content last changed; negative where the clock was set back since.
        settle_seconds: how long that must be; 0 takes every file at once.
        is_as_before: whether an earlier run found it with the same size and time.
    """
    if settle_seconds <= 0:
        return ""
    is_dated = quiet_seconds >= 0
    if quiet_seconds < settle_seconds and (is_dated or not is_as_before):
        return f"changed {max(quiet_seconds, 0):.0f} s ago, less than {settle_seconds:.0f} s; taken next time"
    if not opens and not is_as_before:
        return "cannot be opened yet; taken next time"
    return ""


def _is_same(seen: Seen, before: VideoState) -> bool:
    return (seen.bytes_sha256, seen.companions_sha256) == (before.bytes_sha256, before.companions_sha256)
