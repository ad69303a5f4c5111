"""Showing progress: live bars on a terminal, plain lines elsewhere, both fed by a stage's event file."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from flows.runtime.outcomes import StageOutcome
from flows.runtime.printing import print_line, printable
from tasks.progress import read_events
from tasks.progress.line_pause import LinePause


class EventFile:
    """The new events of one stage's progress file: those after the moment this object was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.is_file() else 0

    def new_events(self) -> list[dict[str, Any]]:
        """Events since the last call."""
        events, self._offset = read_events(self._path, self._offset)
        return events


class ProgressView(ABC):
    """What the user sees of a run: which stages work, their progress, notices and rejects, and their seconds.

    Stages may be shown from several threads, each stage from one at a time.
    """

    def __init__(self, console: Console, stages: Sequence[str]) -> None:
        self.console = console
        self.stages = list(stages)
        """Of this run, in order."""

    @abstractmethod
    def begin(self, stage: str) -> None:
        """A stage starts."""

    @abstractmethod
    def event(self, event: dict[str, Any]) -> None:
        """One event of a stage that works; its `stage` says which."""

    def end(self, outcome: StageOutcome) -> None:
        """The stage is up to date."""
        worked = outcome.state in {"ran", "restored"}
        how = f"{outcome.state} in {outcome.seconds:.1f} s" if worked else outcome.state
        number = self.stages.index(outcome.stage) + 1
        self.report(f"[{number}/{len(self.stages)}] {outcome.stage}: {how}")

    @contextmanager
    def shown(self, name: str) -> Iterator[None]:
        """Show work that is no stage while the block runs."""
        self.begin(name)
        try:
            yield
        finally:
            self.clear(name)

    def clear(self, name: str) -> None:  # noqa: B027 - lines that were printed stay
        """Stop showing that stage or other work."""

    def report(self, line: str) -> None:
        """Print one line above whatever else is shown."""
        print_line(self.console, line)

    def _report_event(self, event: dict[str, Any]) -> None:
        match event["kind"]:
            case "notice":
                self.report(f"{event['stage']}: {event.get('text', '')}")
            case "reject":
                self.report(f"{event['stage']}: {event.get('text', 'rejected')}")


class TimeLeftColumn(ProgressColumn):
    """The time that a stage will still take; nothing while there is no estimate."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Such as "0:01:30 left"."""
        if task.finished or task.time_remaining is None:
            return Text("")
        return Text(f"{timedelta(seconds=int(task.time_remaining))} left", style="progress.remaining")


class LiveView(ProgressView):
    """Bars with rate and time left, on a terminal, one for each stage that works."""

    def __init__(self, console: Console, stages: Sequence[str]) -> None:
        super().__init__(console, stages)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counted]}", markup=False),
            TimeElapsedColumn(),
            TimeLeftColumn(),
            TextColumn("{task.fields[metrics]}", style="dim", markup=False),
            console=console,
            transient=True,
        )
        self._bar_of: dict[str, TaskID] = {}

    def begin(self, stage: str) -> None:
        """Show a bar that fills once the stage reports how much there is to do."""
        self._bar_of[stage] = self.bars.add_task(stage, total=None, counted="starting", metrics="")

    def event(self, event: dict[str, Any]) -> None:
        """Move the stage's bar, or print the notice or reject."""
        self._report_event(event)
        bar = self._bar_of.get(event["stage"])
        if bar is None:
            return
        if event["kind"] == "start":
            self.bars.reset(bar, total=event["total"], counted=f"0/{event['total']} {event['unit']}", metrics="")
        elif event["kind"] == "advance":
            speed = next((shown.speed for shown in self.bars.tasks if shown.id == bar), None)
            rate = f", {speed:.2g}/s" if speed else ""
            counted = f"{event['done']}/{event['total']} {event['unit']}{rate}"
            self.bars.update(bar, completed=event["done"], counted=counted, metrics=printable(metrics_line(event)))

    def end(self, outcome: StageOutcome) -> None:
        """Replace the bar by one line."""
        self.clear(outcome.stage)
        super().end(outcome)

    def clear(self, name: str) -> None:
        """Take the bar away."""
        bar = self._bar_of.pop(name, None)
        if bar is not None:
            self.bars.remove_task(bar)


class PlainView(ProgressView):
    """A line every few seconds of each stage that works, for logs and pipes."""

    def __init__(self, console: Console, stages: Sequence[str]) -> None:
        super().__init__(console, stages)
        self._pauses: defaultdict[str, LinePause] = defaultdict(LinePause)

    def begin(self, stage: str) -> None:
        """Report that the stage starts."""
        self._pauses[stage] = LinePause()
        self.report(f"{stage}: starting")

    def event(self, event: dict[str, Any]) -> None:
        """Print the event if a line of its stage is due."""
        self._report_event(event)
        pause = self._pauses[event["stage"]]
        if event["kind"] == "start":
            pause.start()
        elif event["kind"] == "advance" and pause.is_due(event["done"], event["total"]):
            self.report(f"{event['stage']}: {_counted(event, pause.seconds)}  {metrics_line(event)}".rstrip())


@contextmanager
def progress_view(console: Console, stages: Sequence[str]) -> Iterator[ProgressView]:
    """The view that fits the console, for a run of these stages."""
    if not console.is_terminal:
        yield PlainView(console, stages)
        return
    view = LiveView(console, stages)
    with view.bars:
        yield view


def metrics_line(event: dict[str, Any]) -> str:
    """The metrics of an event as one line, such as "loss=0.0123 video=000342"."""
    metrics = event.get("metrics") or {}
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in metrics.items()
    )


def _counted(event: dict[str, Any], seconds: float) -> str:
    done, total = event["done"], event["total"]
    if seconds < 1.0:  # too early for a rate
        return f"{done}/{total} {event['unit']}"
    rate = done / seconds
    remaining = f", {max(total - done, 0) / rate:.0f} s left" if rate > 0 else ""
    return f"{done}/{total} {event['unit']}, {rate:.2g}/s{remaining}"
