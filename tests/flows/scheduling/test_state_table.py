"""The table of states of an out folder: written whole, read by anybody, changed by retry and prune."""

import json

import pandas as pd
import pytest

from flows.runtime.exclusive_run import run_lock
from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.scheduling.changes import prune, retry
from flows.scheduling.corpus_look import waiting_videos
from flows.scheduling.run_states import RunStates
from flows.scheduling.state_table import StateTable, read_states
from flows.scheduling.status import counts_in_words, exit_code_of, status_of
from flows.scheduling.video_states import Keys, Seen
from tasks.errors import InputError
from tasks.out_folder import claim_out_folder
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

KEYS = Keys("code", "params", "weights")


def whole(name: str, frames: int = 10) -> Seen:
    return Seen("whole", bytes_sha256=name, frames=frames)


@pytest.fixture
def out(tmp_path):
    return claim_out_folder(tmp_path / "out")


def states(out):
    return {name: row.state for name, row in read_states(out).items()}


def test_a_run_from_its_start_to_its_end(out):
    table = StateTable(out, KEYS)
    table.start({"a": whole("a"), "b": whole("b", 30), "c": Seen("broken", reason="no video")}, {})
    assert states(out) == {"a": "running", "b": "running", "c": "rejected"}
    table.end({}, {"b": "export: one frame left out"}, {"a": 4, "b": 4}, seconds=8.0)
    rows = read_states(out)
    assert states(out) == {"a": "done", "b": "done", "c": "rejected"}
    assert (rows["a"].seconds, rows["b"].seconds, rows["b"].reason) == (2.0, 6.0, "export: one frame left out")
    assert pd.read_parquet(out / "video_states.parquet").set_index("video_id").results.to_dict() == {
        "a": 4,
        "b": 4,
        "c": 0,
    }
    table = StateTable(out, KEYS)
    table.start({"a": whole("a"), "d": Seen("waiting")}, {"a": 4, "b": 4})
    assert states(out) == {"a": "done", "b": "removed", "d": "waiting"}, "of c there are no results to keep"


def test_a_reason_names_the_stage_and_the_place_if_there_is_one(out):
    workspace = Workspace.of_repository(out)
    table = StateTable(out, KEYS)
    table.start({"a": whole("a"), "b": whole("b")}, {})
    rejects = [("a", "", "expected a pose"), ("b", "frame 3", "expected a picture")]
    record = {"rejects": [dict(zip(("source", "location", "reason"), row, strict=True)) for row in rejects]}
    write_whole(workspace.provenance / "track.json", json.dumps(record))
    RunStates(table, {}).end(workspace, [StageOutcome("track", "ran", 1.0)])
    reasons = {name: row.reason for name, row in read_states(out).items()}
    assert reasons == {"a": "track: expected a pose", "b": "track: frame 3 expected a picture"}


def test_what_the_status_says_and_its_exit_code_agree(out, checkout):
    table = StateTable(out, KEYS)
    table.start({"a": whole("a"), "b": whole("b")}, {})
    table.end({}, {}, {"a": 4, "b": 4}, seconds=8.0)
    status = status_of(checkout, out)
    assert (counts_in_words(status), exit_code_of(status)) == ("2 done", ExitCode.DONE)
    table.start({"a": whole("A"), "b": whole("b")}, {"b": 4})
    table.end({}, {"a": "export: one frame left out"}, {"a": 4, "b": 4}, seconds=8.0)
    status = status_of(checkout, out)
    assert (counts_in_words(status), exit_code_of(status)) == ("1 done, 1 done in part", ExitCode.REJECTED)


def test_a_fault_is_counted_for_the_video_that_it_hit(out):
    for attempt in (1, 2):
        table = StateTable(out, KEYS, attempts=2)
        table.start({"a": whole("a"), "b": whole("b")}, {})
        table.fault("check the disk", "b")
        assert read_states(out)["b"].attempts == attempt
        assert states(out) == {"a": "pending", "b": "failed"}
    table = StateTable(out, KEYS, attempts=2)
    table.start({"a": whole("a"), "b": whole("b")}, {})
    assert states(out) == {"a": "running", "b": "failed"}
    assert table.held_back() == {"b": "check the disk"}


def test_who_waits_changes_nothing_for_the_others(out):
    table = StateTable(out, KEYS)
    table.start({"a": whole("a")}, {})
    table.end({}, {}, {}, 1.0)
    table.wait({"b": Seen("waiting", reason="changed 1 s ago", stamp="1 1")})
    assert states(out) == {"a": "done", "b": "waiting"}
    table.wait({})
    assert states(out) == {"a": "done"}


def test_bad_ones_are_tried_again_when_asked_for(out):
    table = StateTable(out, KEYS)
    table.start({"a": whole("a"), "b": whole("b"), "c": Seen("broken")}, {})
    table.end({"b": "recover: broken"}, {}, {}, 1.0)
    with pytest.raises(InputError, match=r"expected rejected or failed videos \(b, c\), got a"):
        retry(out, ["a"])
    assert retry(out, ["b"]) == ["b"]
    assert states(out) == {"a": "done", "b": "pending", "c": "rejected"}
    assert retry(out, []) == ["c"]
    assert retry(out, []) == []


def test_results_of_removed_videos_stay_until_they_are_pruned(out):
    clip, other = out / "reports/clips/a.mp4", out / "reports/clips/mine.mp4"
    write_whole(clip, "x")
    other.write_text("of the user")
    table = StateTable(out, KEYS)
    table.start({"a": whole("a"), "b": whole("b")}, {})
    table.start({"b": whole("b")}, {"a": 1})
    assert states(out)["a"] == "removed"
    assert prune(out) == {"a": 1}
    assert states(out) == {"b": "running"}
    assert not clip.exists()
    assert other.exists()
    assert prune(out) == {}


@pytest.mark.parametrize("command", [lambda folder: retry(folder, []), prune])
def test_another_folder_is_refused(tmp_path, command):
    with pytest.raises(InputError, match="expected an out folder"):
        command(tmp_path)


def test_a_young_file_and_one_that_does_not_open_wait(tmp_path, out):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"half a header")
    assert waiting_videos(tmp_path, {}, settle_seconds=0) == {}
    young = waiting_videos(tmp_path, {}, settle_seconds=60)
    assert "less than 60 s" in young[video].reason
    closed = waiting_videos(tmp_path, {}, settle_seconds=1e-6)
    assert "cannot be opened yet" in closed[video].reason
    table = StateTable(out, KEYS)
    table.wait({"a": closed[video]})
    assert waiting_videos(tmp_path, table.rows, settle_seconds=1e-6) == {}, "it is as it was: now it is judged"


@pytest.mark.parametrize(
    "command",
    [lambda folder: retry(folder, [], patience_seconds=0.1), lambda folder: prune(folder, patience_seconds=0.1)],
)
def test_while_a_run_is_at_work_it_is_named(out, command):
    with (
        run_lock(out / ".corrtrack/run.lock", command="corrtrack reprocess"),
        pytest.raises(InputError, match=r"found corrtrack reprocess \(pid \d+ on .*wait for it or end it"),
    ):
        command(out)
