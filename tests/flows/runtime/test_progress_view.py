"""The same events as bars on a terminal and as lines elsewhere."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console
from rich.progress import Progress

from flows.runtime.outcomes import StageOutcome
from flows.runtime.progress_view import EventFile, ProgressView, TimeLeftColumn, progress_view
from tasks.progress import Progress as StageProgress
from tasks.progress import progress_file


def shown(tmp_path, *, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200, legacy_windows=False)
    with progress_view(console, ["estimate", "recover", "track"]) as view:
        events = EventFile(progress_file(tmp_path, "estimate"))
        view.begin("estimate")
        stage = StageProgress(tmp_path, "estimate")
        stage.start("videos", 4)
        stage.advance(3, video="000342", fps=12.5)
        stage.notice("no [bold] weights")
        stage.reject("a.mp4", "frame 3", "expected a picture, got nothing")
        stage.end("done", 1.0)
        for event in events.new_events():
            view.event(event)
        assert events.new_events() == []
        if terminal:
            view.bars.refresh()
        view.end(StageOutcome("estimate", "ran", 2.25))
        view.end(StageOutcome("track", "unchanged", 0.0))
    return console.file.getvalue()


def test_plain_lines_report_start_notices_rejects_and_seconds(tmp_path):
    assert shown(tmp_path, terminal=False).splitlines() == [
        "estimate: starting",
        "estimate: no [bold] weights",
        "estimate: rejected a.mp4 frame 3: expected a picture, got nothing",
        "[1/3] estimate: ran in 2.2 s",
        "[3/3] track: unchanged",
    ]


def test_a_terminal_sees_a_bar_with_counts_and_metrics(tmp_path):
    text = shown(tmp_path, terminal=True)
    for part in ("3/4 videos", "video=000342 fps=12.5", "no [bold] weights", "[3/3] track: unchanged"):
        assert part in text


def test_a_bar_shows_the_time_left_only_once_there_is_an_estimate():
    now = [100.0]
    bars = Progress(TimeLeftColumn(), get_time=lambda: now[0], auto_refresh=False)
    column = bars.columns[0]
    bar = bars.add_task("estimate", total=None)
    assert column.render(bars.tasks[0]).plain == ""
    bars.reset(bar, total=100)
    for done in (10, 20, 30):
        now[0] += 10
        bars.update(bar, completed=done)
    assert column.render(bars.tasks[0]).plain == "0:01:10 left"


def advance(stage, done, **metrics):
    return {"kind": "advance", "stage": stage, "unit": "epochs", "done": done, "total": 8, "metrics": metrics}


def plain_lines(monkeypatch, moves):
    """What is printed of pretrain when it has done so many epochs after so many seconds."""
    now = [100.0]
    monkeypatch.setattr("tasks.progress.line_pause.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=200)
    with progress_view(console, ["pretrain"]) as view:
        view.begin("pretrain")
        for done, seconds in moves:
            now[0] = 100.0 + seconds
            view.event(advance("pretrain", done, loss=0.5 / done))
    return console.file.getvalue().splitlines()


def test_plain_lines_give_rate_and_time_left_every_few_seconds(monkeypatch):
    assert plain_lines(monkeypatch, ((1, 2.0), (2, 10.0), (3, 11.0), (4, 20.0))) == [
        "pretrain: starting",
        "pretrain: 2/8 epochs, 0.2/s, 30 s left  loss=0.25",
        "pretrain: 4/8 epochs, 0.2/s, 20 s left  loss=0.125",
    ]


def test_the_end_of_an_epoch_is_reported_right_after_a_part_of_it(monkeypatch):
    assert plain_lines(monkeypatch, ((0.5, 10.0), (0.9, 12.0), (1, 13.0), (1.5, 14.0))) == [
        "pretrain: starting",
        "pretrain: 0.5/8 epochs, 0.05/s, 150 s left  loss=1",
        "pretrain: 1/8 epochs, 0.077/s, 91 s left  loss=0.5",
    ]


def test_two_stages_at_once_each_have_their_own_rate_and_pause(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tasks.progress.line_pause.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=200)
    with progress_view(console, ["pretrain", "train_siamese"]) as view:
        view.begin("pretrain")
        now[0] = 106.0
        view.begin("train_siamese")
        for stage, done, seconds in (("pretrain", 1, 8.0), ("train_siamese", 1, 9.0), ("train_siamese", 2, 16.0)):
            now[0] = 100.0 + seconds
            view.event(advance(stage, done))
        view.end(StageOutcome("train_siamese", "ran", 11.0))
    assert console.file.getvalue().splitlines() == [
        "pretrain: starting",
        "train_siamese: starting",
        "pretrain: 1/8 epochs, 0.12/s, 56 s left",
        "train_siamese: 2/8 epochs, 0.2/s, 30 s left",
        "[2/2] train_siamese: ran in 11.0 s",
    ]


def test_a_terminal_shows_a_bar_for_each_stage_that_works():
    console = Console(file=io.StringIO(), force_terminal=True, width=200, legacy_windows=False)
    with progress_view(console, ["pretrain", "train_siamese"]) as view:
        for stage, done in (("pretrain", 3), ("train_siamese", 5)):
            view.begin(stage)
            view.event({"kind": "start", "stage": stage, "unit": "epochs", "total": 8})
            view.event(advance(stage, done))
        both = {bar.description: bar.fields["counted"] for bar in view.bars.tasks}
        view.end(StageOutcome("pretrain", "ran", 2.0))
        view.event(advance("train_siamese", 6))
        counted = {bar.description: bar.fields["counted"].split(",")[0] for bar in view.bars.tasks}
    assert both == {"pretrain": "3/8 epochs", "train_siamese": "5/8 epochs"}
    assert counted == {"train_siamese": "6/8 epochs"}


@pytest.mark.parametrize("terminal", [True, False])
def test_stages_may_be_shown_from_many_threads(terminal):
    stages = [f"stage{number}" for number in range(8)]
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200, legacy_windows=False)
    with progress_view(console, stages) as view, ThreadPoolExecutor(len(stages)) as pool:

        def work(stage):
            view.begin(stage)
            for done in range(1, 9):
                view.event(advance(stage, done))
                view.event({"kind": "notice", "stage": stage, "text": f"note {done} of {stage}"})
            view.end(StageOutcome(stage, "ran", 1.0))

        list(pool.map(work, stages))
    lines = console.file.getvalue().splitlines()
    for stage in stages:
        assert sum(line.endswith(f"of {stage}") and f"{stage}: note" in line for line in lines) == 8
        assert sum(line.endswith(f"{stage}: ran in 1.0 s") for line in lines) == 1


@pytest.mark.parametrize("part", ["begin", "event"])
def test_a_view_without_a_part_cannot_be_made(part):
    parts = {name: lambda *_: None for name in ("begin", "event") if name != part}
    with pytest.raises(TypeError, match=part):
        type("HalfView", (ProgressView,), parts)(Console(), [])


def test_events_of_an_earlier_run_are_not_shown_again(tmp_path):
    StageProgress(tmp_path, "track").notice("old")
    events = EventFile(progress_file(tmp_path, "track"))
    StageProgress(tmp_path, "track").notice("new")
    assert [event.get("text") for event in events.new_events() if event["kind"] == "notice"] == ["new"]
