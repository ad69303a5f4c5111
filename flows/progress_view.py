"""Showing progress: live bars on a terminal, plain lines elsewhere, both fed by a stage's event file."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flows.outcomes import StageOutcome
from tasks.progress import read_events

_SECONDS_BETWEEN_LINES = 5.0


class EventFile:
    """The new events of one stage's progress file: those after the moment this object was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.is_file() else 0

    def new_events(self) -> list[dict[str, Any]]:
        """Events since the last call."""
        events, self._offset = read_events(self._path, self._offset)
        return events


class ProgressView:
    """What the user sees of a run: which stage works, how far it is, what it has to say, how long it took."""

    def __init__(self, console: Console, stages: Sequence[str]) -> None:
        self.console = console
        self._stages = list(stages)

    def begin(self, stage: str) -> None:
        """A stage starts."""
        raise NotImplementedError

    def event(self, event: dict[str, Any]) -> None:
        """One event of the stage that works."""
        raise NotImplementedError

    def end(self, outcome: StageOutcome) -> None:
        """The stage is up to date."""
        worked = outcome.state in {"ran", "restored"}
        how = f"{outcome.state} in {outcome.seconds:.1f} s" if worked else outcome.state
        place = self._stages.index(outcome.stage) + 1
        self.say(f"[{place}/{len(self._stages)}] {outcome.stage}: {how}")

    @contextmanager
    def shown(self, name: str) -> Iterator[None]:
        """Show work that is no stage while the block runs."""
        self.begin(name)
        try:
            yield
        finally:
            self.clear()

    def clear(self) -> None:
        """Stop showing what worked last."""

    def say(self, line: str) -> None:
        """Print one line above whatever else is shown."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _tell(self, event: dict[str, Any]) -> None:
        match event["kind"]:
            case "notice":
                self.say(f"{event['stage']}: {event.get('text', '')}")
            case "reject":
                where = " ".join(str(event.get(part, "")) for part in ("source", "place")).strip()
                self.say(f"{event['stage']}: set aside {where}: {event.get('reason', '')}")


class LiveView(ProgressView):
    """Bars with rate and time left, on a terminal."""

    def __init__(self, console: Console, stages: Sequence[str]) -> None:
        super().__init__(console, stages)
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counted]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}", style="dim"),
            console=console,
            transient=True,
        )
        self._bar: TaskID | None = None

    def begin(self, stage: str) -> None:
        """Show a bar that fills once the stage tells how much there is to do."""
        self._bar = self.bars.add_task(stage, total=None, counted="starting", figures="")

    def event(self, event: dict[str, Any]) -> None:
        """Move the bar, or print what the stage has to say."""
        self._tell(event)
        if self._bar is None:
            return
        if event["kind"] == "start":
            self.bars.reset(self._bar, total=event["total"], counted=f"0/{event['total']} {event['unit']}", figures="")
        elif event["kind"] == "advance":
            speed = self.bars.tasks[self.bars.task_ids.index(self._bar)].speed
            rate = f", {speed:.2g}/s" if speed else ""
            counted = f"{event['done']}/{event['total']} {event['unit']}{rate}"
            figures = figures_line(event)
            self.bars.update(self._bar, completed=event["done"], counted=counted, figures=figures)

    def end(self, outcome: StageOutcome) -> None:
        """Replace the bar by one line."""
        self.clear()
        super().end(outcome)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self.bars.remove_task(self._bar)
            self._bar = None


class PlainView(ProgressView):
    """A line every few seconds, for logs and pipes."""

    def begin(self, stage: str) -> None:
        """Tell that the stage starts."""
        self._since = self._told = time.monotonic()
        self.say(f"{stage}: starting")

    def event(self, event: dict[str, Any]) -> None:
        """Print the event unless one was just printed."""
        self._tell(event)
        now = time.monotonic()
        if event["kind"] == "start":
            self._since = now
        elif event["kind"] == "advance" and now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            self.say(f"{event['stage']}: {_counted(event, now - self._since)}  {figures_line(event)}".rstrip())


@contextmanager
def progress_view(console: Console, stages: Sequence[str]) -> Iterator[ProgressView]:
    """The view that fits the console, for a run of these stages."""
    if not console.is_terminal:
        yield PlainView(console, stages)
        return
    view = LiveView(console, stages)
    with view.bars:
        yield view


def figures_line(event: dict[str, Any]) -> str:
    """The figures of an event as one line, such as "loss=0.0123 video=000342"."""
    figures = event.get("figures") or {}
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in figures.items()
    )


def _counted(event: dict[str, Any], seconds: float) -> str:
    done, total = event["done"], event["total"]
    if seconds < 1.0:  # too early to tell a rate
        return f"{done}/{total} {event['unit']}"
    rate = done / seconds
    left = f", {max(total - done, 0) / rate:.0f} s left" if rate > 0 else ""
    return f"{done}/{total} {event['unit']}, {rate:.2g}/s{left}"
