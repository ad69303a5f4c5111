"""What a stage reports while it runs: one JSON line per event, read by the terminal, Prefect and the report."""

import json
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from tasks.progress.line_pause import LinePause
from tasks.progress.rejects import LikeRejects, kind_of, printable

_LOG: Final = logging.getLogger(__name__)
_LINE_LIMIT: Final = 60_000
_MOST_KINDS: Final = 20
"""Kinds of rejects that have a line of their own on the screen."""


class Progress:
    """Events of one run of one stage.

    Each is appended to `<state>/progress/<stage>.jsonl` as one line in a single write, so that a reader never sees half
    an event: {"time", "stage", "kind", ...} with kind begin, start, advance, notice, reject, summary or end. Like
    rejects share an event: those before the next event of another kind, and at the end of the stage those after it.
    Without `state` nothing is written to disk; notices and rejects are still collected.
    """

    def __init__(self, state: Path | None, stage: str) -> None:
        self.stage = stage
        self.notices: list[str] = []
        self.rejects: list[dict[str, str]] = []
        self.metrics: dict[str, Any] = {}
        self._reported: set[tuple[str, ...]] = set()
        self._waiting: dict[str, LikeRejects] = {}
        """Rejects without an event yet, by the kind of their reason."""
        self._new_kinds: list[str] = []
        """Those of these kinds of which no event has been yet."""
        self._kinds: set[str] = set()
        self._path = progress_file(state, stage) if state else None
        self._unit, self._total, self._pause = "", 0, LinePause()
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write("begin", pid=os.getpid())

    def start(self, unit: str, total: int) -> None:
        """Begin to count `total` things of kind `unit`, a plural such as "videos"."""
        self._show_rejects()
        self._unit, self._total = unit, total
        self._pause.start()
        self._write("start", unit=unit, done=0, total=total)
        _LOG.info("%s: %d %s", self.stage, total, unit)

    def advance(self, done: float, **metrics: Any) -> None:
        """Report that `done` of the things are finished, with metrics such as loss=0.12 or video="000342".

        A fraction counts a part of a thing that takes long: 2.5 epochs.
        """
        self._show_rejects()
        self._write("advance", unit=self._unit, done=done, total=self._total, metrics=metrics)
        if not self._pause.is_due(done, self._total):
            return
        rate = done / max(self._pause.seconds, 1e-9)
        shown = " ".join(f"{name}={_brief(value)}" for name, value in metrics.items())
        _LOG.info("%s: %s/%d %s, %.2f/s %s", self.stage, done, self._total, self._unit, rate, shown)

    def notice(self, text: str) -> None:
        """Report one sentence that the user must know: a fallback, an omitted part. Repetitions are not reported."""
        text = printable(text)
        if not self._is_new(text):
            return
        self._show_rejects()
        self.notices.append(text)
        self._write("notice", text=text)
        _LOG.warning("%s: %s", self.stage, text)

    def reject(self, source: str, location: str, reason: str) -> None:
        """Report what was rejected: the file or video, the location in it ("" is all of it), and why."""
        source, location, reason = printable(source), printable(location), printable(reason)
        if self._is_new(source, location, reason):
            self.rejects.append({"source": source, "location": location, "reason": reason})
            self._wait(source, location, reason)

    def show_rejects(self, rejects: Iterable[Mapping[str, str]]) -> None:
        """Report rejects that a table holds, so that they are not collected here."""
        for row in rejects:
            self._wait(row["source"], row["location"], row["reason"])
        self._show_rejects()

    def summary(self, **metrics: Any) -> None:
        """Add metrics that describe the whole run of the stage."""
        self._show_rejects()
        self.metrics |= _jsonable(metrics)
        self._write("summary", metrics=metrics)

    def end(self, status: str, seconds: float) -> None:
        """Close the run: status done, failed or stopped."""
        self._show_rejects(is_last=True)
        self._write("end", status=status, seconds=round(seconds, 3))

    def _wait(self, source: str, location: str, reason: str) -> None:
        _LOG.debug("%s: rejected %s: %s", self.stage, " ".join(filter(None, (source, location))), reason)
        kind = kind_of(reason)
        if kind not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            kind, reason = "", f"many reasons, such as {reason}"
        if kind not in self._kinds:
            self._kinds.add(kind)
            self._new_kinds.append(kind)
        self._waiting.setdefault(kind, LikeRejects(reason)).add(source, location)

    def _show_rejects(self, *, is_last: bool = False) -> None:
        """One event for each new kind of reason; the end of the stage sums up what came after it."""
        shown, self._new_kinds = (list(self._waiting) if is_last else self._new_kinds), []
        for kind in shown:
            group = self._waiting.pop(kind)
            source, location = group.shown[0]
            self._write(
                "reject", source=source, location=location, reason=group.reason, count=group.count, text=group.sentence
            )
            _LOG.warning("%s: %s", self.stage, group.sentence)

    def _is_new(self, *words: str) -> bool:
        """Remember a notice or a reject; a set keeps thousands of them from being compared with one another."""
        count = len(self._reported)
        self._reported.add(words)
        return len(self._reported) > count

    def _write(self, kind: str, **fields: Any) -> None:
        if self._path is None:
            return
        event = {"time": round(time.time(), 3), "stage": self.stage, "kind": kind, **_jsonable(fields)}
        line = json.dumps(event, ensure_ascii=False, allow_nan=False)
        if len(line) > _LINE_LIMIT:  # an event must fit into a single write
            line = json.dumps({name: event[name] for name in ("time", "stage", "kind")})
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


def progress_file(state: Path, stage: str) -> Path:
    """The event file of `stage` below the state folder."""
    return state / "progress" / f"{stage}.jsonl"


def read_events(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole events of the file from byte `offset` on, and the next offset; no events when the file is absent.

    A damaged line is ignored: progress is shown, never relied on.
    """
    whole, end = read_whole_lines(path, offset)
    return [event for line in whole.splitlines() if (event := _parsed(line))], end


def read_whole_lines(path: Path, offset: int = 0) -> tuple[bytes, int]:
    """Whole lines of a file that grows, from byte `offset` on, and the next offset; nothing when the file is absent."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return b"", offset
    whole = data[: data.rfind(b"\n") + 1]
    return whole, offset + len(whole)


_CURRENT: ContextVar[Progress | None] = ContextVar("progress", default=None)


def current() -> Progress:
    """The progress of the stage that runs in this context; outside any stage an object that only collects."""
    return _CURRENT.get() or Progress(None, "no stage")


@contextmanager
def as_current(progress: Progress) -> Iterator[Progress]:
    """Make `current` return `progress` inside the with block."""
    token = _CURRENT.set(progress)
    try:
        yield progress
    finally:
        _CURRENT.reset(token)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "kind" in event else None


def _jsonable(value: Any) -> Any:
    """`value` with paths and NumPy scalars made plain, and null for what JSON has no number for."""
    if isinstance(value, dict):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
