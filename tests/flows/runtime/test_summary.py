"""The end of a run: scores, seconds, what was rejected, and the exit code that follows from it."""

import io
import json

import pytest
from rich.console import Console

from flows.runtime.outcomes import ExitCode, StageOutcome
from flows.runtime.summary import RunTimes, changes, exit_code, headline, print_summary, times_line
from tasks.provenance import recorded
from tasks.tables import write_table
from tasks.tables.schemas import MERGED_TRACKS, REJECTS, TRACKS, VIDEOS
from tasks.workspace import Workspace

OUTCOMES = [StageOutcome("track", "ran", 12.25), StageOutcome("merge", "unchanged", 0.0)]


def printed(workspace) -> str:
    console = Console(file=io.StringIO(), width=160)
    print_summary(console, workspace, OUTCOMES, RunTimes(total=20.0, servers=4.0))
    return console.file.getvalue()


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace.of_repository(tmp_path)
    workspace.reports.mkdir()
    (workspace.reports / "metrics.json").write_text(
        json.dumps(
            {"tracking": {"mAP": 71.25, "MOTA": None, "id_switches": 12.0}, "merged": {"mAP": 0.0, "MOTA": -3.5}}
        )
    )
    return workspace


def test_scores_stand_in_percent_and_undefined_ones_are_named(workspace):
    assert headline(workspace.reports / "metrics.json") == {
        "tracks": ("71.2", "undefined", "12"),
        "merged tracks": ("0.0", "-3.5", "undefined"),
    }
    assert headline(workspace.reports / "nothing.json") == {}


def test_the_table_holds_scores_and_seconds_and_the_report_comes_last(workspace):
    (workspace.reports / "index.html").touch()
    with recorded("track", workspace):
        pass
    lines = [" ".join(line.replace("│", " ").split()) for line in printed(workspace).splitlines()]
    assert "tracks 71.2 undefined 12" in lines
    assert "track 12.2" in lines
    assert "merge unchanged" in lines
    assert "0.0 s of work in 1 of them, 12.2 s of DVC and starting processes around it" in " ".join(lines)
    assert lines[-1] == f"report: {workspace.reports / 'index.html'}"


def test_what_changed_since_the_run_before_stands_in_one_line_for_each_kind_of_tracks():
    before = {"tracks": ("46.1", "24.9", "741"), "merged tracks": ("46.1", "25.1", "722")}
    now = {"tracks": ("46.1", "25.3", "730"), "merged tracks": ("46.1", "25.1", "722"), "other": ("1", "2", "3")}
    assert changes(before, now) == ["tracks, against the run before: MOTA 24.9 -> 25.3, identity switches 741 -> 730"]
    assert changes({}, now) == changes(now, now) == []


def test_stages_that_ran_side_by_side_sum_to_more_than_the_run(tmp_path):
    workspace = Workspace.of_repository(tmp_path)
    workspace.provenance.mkdir(parents=True)
    for stage, seconds in (("pretrain", 60.0), ("train_siamese", 50.0)):
        (workspace.provenance / f"{stage}.json").write_text(json.dumps({"seconds": seconds}))
    outcomes = [StageOutcome("pretrain", "ran", 64.0), StageOutcome("train_siamese", "ran", 55.0)]
    assert times_line(workspace, outcomes, RunTimes(total=80.0, servers=12.0)) == (
        "80.0 s; summed over stages, which may run side by side: 110.0 s of work in 2 of them, "
        "9.0 s of DVC and starting processes around it, 12.0 s of waiting for servers"
    )
    unchanged = [StageOutcome("pretrain", "unchanged", 0.0)]
    assert times_line(workspace, unchanged, RunTimes(total=8.0, servers=0.0)) == "8.0 s: nothing was stale"


def test_rejects_of_the_index_and_of_later_stages_make_exit_code_3(workspace):
    assert exit_code(workspace) is ExitCode.DONE
    write_table(REJECTS, [], REJECTS.path(workspace.tables))
    assert exit_code(workspace) is ExitCode.DONE
    with recorded("estimate", workspace) as progress:
        progress.reject("a.mp4", "frame 3", "expected a picture, got nothing")
    assert exit_code(workspace) is ExitCode.REJECTED
    row = {"stage": "index", "source": "b.json", "location": "", "reason": "expected JSON, got text"}
    write_table(REJECTS, [row], REJECTS.path(workspace.tables))
    assert "2 rejected, such as b.json: expected JSON, got text" in printed(workspace)


def bare_corpus(workspace, *, tracked: bool) -> None:
    """Two videos of ten frames without annotations; in the first are two tracks that merging joined."""
    video = {"split": "val", "source": None, "media_sha256": "0", "width": 64, "height": 48, "frame_count": 10}
    video |= {"labelled_frame_count": 0, "frames_per_second": None, "tags": []}
    names = ("street", "yard")
    write_table(VIDEOS, [video | {"video_id": name, "media": name} for name in names], VIDEOS.path(workspace.tables))
    pose = {"video_id": "street", "box_source": "detected", "similarity": None}
    pose |= {name: [1.0] * 17 for name in ("x", "y", "score")}
    rows = [
        pose | {"frame_index": frame, "track_id": frame // 3, "pose_id": frame, "origin": origin}
        for frame, origin in enumerate(["detected"] * 4 + ["recovered"] * 2)
    ]
    merged = [row | {"track_id": 0, "source_track_id": row["track_id"]} for row in rows]
    for table, written in ((TRACKS, rows), (MERGED_TRACKS, merged)):
        write_table(table, written if tracked else [], table.path(workspace.tables, "street"))


def test_videos_without_annotations_have_counts_instead_of_scores(tmp_path):
    workspace = Workspace.of_repository(tmp_path)
    bare_corpus(workspace, tracked=True)
    lines = [" ".join(line.replace("│", " ").replace("┃", " ").split()) for line in printed(workspace).splitlines()]
    assert "video frames persons tracks poses recovered" in lines
    assert {"street 10 1 2 6 2", "yard 10 0 0 0 0", "all 2 20 1 2 6 2"} <= set(lines)
    assert "undefined" not in " ".join(lines)
    assert f"tables: {workspace.tables / 'merged_tracks'}" in lines
    assert exit_code(workspace) is ExitCode.DONE


def test_a_run_without_any_track_says_so_and_is_not_done(tmp_path):
    workspace = Workspace.of_repository(tmp_path)
    bare_corpus(workspace, tracked=False)
    assert "no person is tracked in 20 frames" in printed(workspace)
    assert exit_code(workspace) is ExitCode.REJECTED


def test_the_exit_code_reads_no_table_behind_the_first_track(tmp_path):
    workspace = Workspace.of_repository(tmp_path)
    bare_corpus(workspace, tracked=True)
    TRACKS.path(workspace.tables, "yard").write_bytes(b"no Parquet")
    assert exit_code(workspace) is ExitCode.DONE
