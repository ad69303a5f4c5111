"""Progress events, provenance and the exit codes of `python -m tasks`."""

import json
import math
import multiprocessing
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tasks import __main__ as entry
from tasks.code_files import REPOSITORY
from tasks.errors import InputError
from tasks.progress import Progress, current, progress_file, read_events
from tasks.provenance import read_provenance, recorded
from tasks.stages import STAGES
from tasks.workspace import Workspace


def _kinds(state: Path, stage: str) -> list[str]:
    return [event["kind"] for event in read_events(progress_file(state, stage))[0]]


def test_events_come_back_in_order_and_with_their_fields(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "estimate")
    progress.start("videos", 2)
    progress.advance(1, video="a", loss=np.float32(0.5), rate=math.nan)
    progress.notice("no PoseTrack training persons: finetuning keeps the COCO weights")
    progress.reject("a.json", "frame 3", "expected 51 numbers, got 50")
    progress.summary(poses=np.int64(12))
    events, _ = read_events(progress_file(tmp_path, "estimate"))
    assert [event["kind"] for event in events] == ["begin", "start", "advance", "notice", "reject", "summary"]
    assert events[2] | {"time": 0} == {
        **{"time": 0, "stage": "estimate", "kind": "advance", "unit": "videos", "done": 1, "total": 2},
        "metrics": {"video": "a", "loss": 0.5, "rate": None},
    }
    assert events[4]["location"] == "frame 3"
    assert progress.metrics == {"poses": 12}


def test_a_notice_and_a_reject_are_reported_once(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "track")
    for _ in range(3):
        progress.notice("twice")
        progress.reject("a", "", "broken")
    progress.end("done", 0.0)
    assert _kinds(tmp_path, "track") == ["begin", "notice", "reject", "end"]


def test_like_rejects_share_one_event_and_later_ones_a_second(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "detect")
    for number in range(1000):
        progress.reject("a.json", f"detection {number}", f"bbox: expected 4 numbers, got [{number}]")
    progress.reject("b.json", "", "expected JSON, got text")
    progress.advance(1)
    progress.reject("c.json", "detection 5", "bbox: expected 4 numbers, got nothing")
    progress.advance(2)
    progress.reject("d.json", "detection 6", "bbox: expected 4 numbers, got [[]]")
    progress.end("done", 0.0)
    events, _ = read_events(progress_file(tmp_path, "detect"))
    assert [event["text"] for event in events if event["kind"] == "reject"] == [
        "rejected 1000 alike, a.json detection 0, detection 1, detection 2 and 997 more: "
        "bbox: expected 4 numbers, got [0]",
        "rejected b.json: expected JSON, got text",
        "rejected c.json detection 5: bbox: expected 4 numbers, got nothing",
        "rejected d.json detection 6: bbox: expected 4 numbers, got [[]]",
    ]
    assert len(progress.rejects) == 1003


def test_reasons_of_any_number_of_kinds_take_few_lines(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "detect")
    for number in range(1000):
        progress.reject("a.json", "", "expected " + "x" * number)
    progress.end("done", 0.0)
    events, _ = read_events(progress_file(tmp_path, "detect"))
    texts = [event["text"] for event in events if event["kind"] == "reject"]
    assert len(texts) == 21
    assert "980 alike" in texts[-1]


def test_names_that_a_terminal_would_obey_and_bytes_that_are_no_text_are_escaped(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "detect")
    progress.reject("\x1b[2Jcaf\udce9.txt", "", "expected \u202ex")
    progress.notice("caf\udce9")
    progress.end("done", 0.0)
    events, _ = read_events(progress_file(tmp_path, "detect"))
    assert events[1]["text"] == r"rejected \x1b[2Jcaf\udce9.txt: expected \u202ex"
    assert events[2]["text"] == r"caf\udce9"


class Counted(str):
    """Text that counts how often it is compared."""

    comparisons = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return super().__eq__(other)


def test_thousands_of_rejects_are_not_compared_with_one_another() -> None:
    progress = Progress(None, "detect")
    for number in range(1000):
        progress.reject("boxes.json", Counted(f"detection {number}"), "no number")
        progress.notice(Counted(f"notice {number}"))
    assert len(progress.rejects) == len(progress.notices) == 1000
    assert Counted.comparisons < 100  # of equal hashes, by chance


def test_a_reader_goes_on_where_it_was_and_never_sees_half_an_event(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "track")
    path = progress_file(tmp_path, "track")
    _, offset = read_events(path)
    progress.start("videos", 1)
    with path.open("a") as file:
        file.write('{"kind": "adv')
    events, later = read_events(path, offset)
    assert [event["kind"] for event in events] == ["start"]
    assert read_events(path, later) == ([], later)
    with path.open("a") as file:
        file.write('ance"}\nnonsense\n')
    assert [event["kind"] for event in read_events(path, later)[0]] == ["advance"]


def _tell_many(state: Path) -> None:
    progress = Progress(state, "merge")
    for done in range(200):
        progress.advance(done, text="x" * 300)


def test_events_of_two_processes_do_not_mix(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_tell_many, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lines = progress_file(tmp_path, "merge").read_text().splitlines()
    assert len(lines) == 2 * 201
    assert all(json.loads(line)["stage"] == "merge" for line in lines)


def test_an_endless_figure_stays_one_short_line(tmp_path: Path) -> None:
    Progress(tmp_path, "track").summary(text="x" * 200_000)
    assert [event["kind"] for event in read_events(progress_file(tmp_path, "track"))[0]] == ["begin", "summary"]


def test_provenance_is_of_the_last_good_run_only(tmp_path: Path) -> None:
    workspace = Workspace.of_repository(tmp_path)
    with recorded("track", workspace) as progress:
        assert current() is progress
        current().notice("a notice")
        current().reject("video", "frame 1", "broken")
        current().summary(tracks=3)
    good = read_provenance(workspace, "track")
    assert good["notices"] == ["a notice"]
    assert good["rejects"] == [{"source": "video", "location": "frame 1", "reason": "broken"}]
    assert good["summary"] == {"tracks": 3}
    assert {"started", "seconds", "revision", "hardware", "versions"} <= set(good)
    with pytest.raises(ValueError, match="late"), recorded("track", workspace):
        raise ValueError("late")
    assert read_provenance(workspace, "track") == good
    assert _kinds(workspace.state, "track")[-1] == "end"
    assert current() is not progress


def _stage_that(monkeypatch: pytest.MonkeyPatch, action: object) -> None:
    """Puts a stage `index` in place that does `action`."""
    module = types.ModuleType("tasks.index")
    module.run = action  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tasks.index", module)


def _raiser(error: BaseException):  # type: ignore[no-untyped-def]
    def run(workspace: Workspace, params: object) -> None:
        raise error

    return run


ENDINGS = {
    "done": (lambda workspace, params: None, 0, ""),
    "bad input": (_raiser(InputError("data/x.json: expected A, got B")), 2, "index: data/x.json: expected A, got B"),
    "failed": (_raiser(RuntimeError("deep trouble")), 1, "RuntimeError: deep trouble; traceback in"),
    "stopped": (_raiser(KeyboardInterrupt()), 130, "stopped"),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_exit_codes_and_one_line_for_the_user(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    action, code, words = ENDINGS[case]
    _stage_that(monkeypatch, action)
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    assert entry.main(["index"]) == code
    printed = capfd.readouterr().err
    assert words in printed
    assert "Traceback" not in printed
    assert len(printed.splitlines()) == (1 if words else 0)
    if case == "failed":
        assert "Traceback" in (tmp_path / ".corrtrack/logs/index.log").read_text()


def test_broken_params_are_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text("run: 3\n")
    monkeypatch.chdir(tmp_path)
    assert entry.main(["index"]) == 2
    assert "params.yaml" in capfd.readouterr().err


def test_help_names_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        entry.main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown and stage.meaning in shown for name, stage in STAGES.items())
