"""The same events as bars on a terminal and as lines elsewhere."""

import io

from rich.console import Console

from flows.outcomes import StageOutcome
from flows.progress_view import EventFile, progress_view
from tasks.progress import Progress, progress_file


def shown(tmp_path, *, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200, legacy_windows=False)
    with progress_view(console, ["estimate", "recover", "track"]) as view:
        events = EventFile(progress_file(tmp_path, "estimate"))
        view.begin("estimate")
        stage = Progress(tmp_path, "estimate")
        stage.start("videos", 4)
        stage.advance(3, video="000342", fps=12.5)
        stage.notice("no [bold] weights")
        stage.reject("a.mp4", "frame 3", "expected a picture, got nothing")
        for event in events.new_events():
            view.event(event)
        assert events.new_events() == []
        if terminal:
            view.bars.refresh()
        view.end(StageOutcome("estimate", "ran", 2.25))
        view.end(StageOutcome("track", "unchanged", 0.0))
    return console.file.getvalue()


def test_plain_lines_tell_start_notices_rejects_and_seconds(tmp_path):
    assert shown(tmp_path, terminal=False).splitlines() == [
        "estimate: starting",
        "estimate: no [bold] weights",
        "estimate: set aside a.mp4 frame 3: expected a picture, got nothing",
        "[1/3] estimate: ran in 2.2 s",
        "[3/3] track: unchanged",
    ]


def test_a_terminal_sees_a_bar_with_counts_and_figures(tmp_path):
    text = shown(tmp_path, terminal=True)
    for part in ("3/4 videos", "video=000342 fps=12.5", "no [bold] weights", "[3/3] track: unchanged"):
        assert part in text


def test_plain_lines_give_rate_and_time_left_every_few_seconds(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("flows.progress_view.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=200)
    with progress_view(console, ["pretrain"]) as view:
        view.begin("pretrain")
        for done, seconds in ((1, 2.0), (2, 10.0), (3, 11.0), (4, 20.0)):
            now[0] = 100.0 + seconds
            event = {"kind": "advance", "stage": "pretrain", "unit": "epochs", "done": done, "total": 8, "figures": {}}
            view.event(event | {"figures": {"loss": 0.5 / done}})
    assert console.file.getvalue().splitlines() == [
        "pretrain: starting",
        "pretrain: 2/8 epochs, 0.2/s, 30 s left  loss=0.25",
        "pretrain: 4/8 epochs, 0.2/s, 20 s left  loss=0.125",
    ]


def test_events_of_an_earlier_run_are_not_shown_again(tmp_path):
    Progress(tmp_path, "track").notice("old")
    events = EventFile(progress_file(tmp_path, "track"))
    Progress(tmp_path, "track").notice("new")
    assert [event.get("text") for event in events.new_events() if event["kind"] == "notice"] == ["new"]
