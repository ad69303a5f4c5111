"""The timeline of a video: who is there when, where identities switch or are merged, and which moments are worst."""

import base64
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from models.keypoints import POSEVAL_JOINTS
from tasks.params.loading import load_params
from tasks.reporting.charts.timeline import Mark, Timeline, TimelineRow, joined_spans
from tasks.reporting.drawing import track_colour
from tasks.reporting.run_facts import RunFacts
from tasks.reporting.sections import videos
from tasks.reporting.timelines import timelines, track_rows
from tasks.tables import TABLES, read_table, write_table
from tasks.workspace import Workspace
from tests.comparison.conftest import write_run

PARAMS = load_params(Path(__file__).resolve().parents[3] / "params.yaml")
NAME = '<b>"1'


def scripted(frame):
    """From frame 2 on the first person is track 7, and track 9 is on nobody."""
    return {5: 10.0, 6: 200.0} if frame < 2 else {7: 10.0, 6: 204.0, 9: 120.0}


@pytest.fixture
def workspace(tmp_path):
    write_run(tmp_path, {NAME: scripted}, tags={})
    return Workspace.of_repository(tmp_path)


def change_video(workspace, **fields):
    path = TABLES["videos"].path(workspace.tables)
    write_table(TABLES["videos"], [row | fields for row in read_table(TABLES["videos"], path).to_pylist()], path)


def test_a_scripted_video_has_its_written_timeline(workspace):
    facts = timelines(workspace, PARAMS, [NAME, "a video without tracks"])
    assert list(facts) == [NAME]
    assert facts[NAME]["rate"] == 12.0
    assert facts[NAME]["note"] == ""
    assert facts[NAME]["moments"] == [
        {"frame": 2, "text": "15 joints switch identity: person 0 to track 7"},
        {"frame": 2, "text": "0 joints missed, 15 false positives"},
        {"frame": 3, "text": "0 joints missed, 15 false positives"},
    ]
    picture = str(facts[NAME]["picture"])
    assert picture.count('role="button"') == 1
    assert 'data-frame="2" aria-label="Frame 2: 15 joints of person 0 switch to track 7"' in picture
    for name in ("person 0", "person 1", "track 5", "track 6", "track 7", "track 9"):
        assert f">{name}</text>" in picture
    assert picture.count('class="presence"') == 6
    assert "<b>" not in picture


@pytest.mark.parametrize("most_bytes", [0, 6_000_000])
def test_a_video_says_when_its_annotated_poses_do_not_fit_on_the_page(workspace, monkeypatch, most_bytes):
    monkeypatch.setattr(videos, "_MOST_BYTES", most_bytes)
    clip = {"video_id": NAME, "path": "a.mp4", "tags": []}
    (entry,) = videos.videos(RunFacts(workspace, PARAMS, [clip], []))["entries"]
    assert bool(entry["timeline"]["poses"]) == bool(most_bytes)
    assert ("too many for this page" in entry["timeline"]["note"]) != bool(most_bytes)


@pytest.mark.parametrize("fields", [{"source": None}, {"labelled_frame_count": 0}])
def test_without_annotations_there_are_the_tracks_and_a_sentence(workspace, fields):
    change_video(workspace, **fields)
    facts = timelines(workspace, PARAMS, [NAME])[NAME]
    assert facts["note"].startswith("Nobody is annotated in this video")
    assert facts["moments"] == []
    assert "person" not in str(facts["picture"])
    assert str(facts["picture"]).count('class="presence"') == 4


def test_annotations_that_cannot_be_read_are_named(workspace):
    (workspace.data / "posetrack/annotations/val" / f"{NAME}.json").write_text("{}")
    facts = timelines(workspace, PARAMS, [NAME])[NAME]
    assert facts["note"].startswith("Switches, misses and false positives are unknown: ")
    assert f"{NAME}.json" in facts["note"]
    assert str(facts["picture"]).count('class="presence"') == 4


def test_a_merge_is_marked_where_the_track_goes_on_as_another():
    rows = pa.table({"track_id": [3, 3, 3, 3, 4], "frame_index": [0, 1, 5, 6, 2], "source_track_id": [3, 3, 8, 8, 4]})
    third, fourth = track_rows(rows)
    assert third.spans == ((0, 1), (5, 6))
    assert third.marks == (Mark(5, "merge", "track 3 goes on as track 8, merged into 3"),)
    assert third.colour == "#{:02x}{:02x}{:02x}".format(*track_colour(3)), "as in the clip"
    assert fourth == TimelineRow("track 4", ((2, 2),), "#0072b2")
    assert track_rows(rows.drop_columns(["source_track_id"]))[0].marks == ()


def test_gaps_up_to_a_length_are_closed():
    assert joined_spans([(6, 7), (0, 2), (4, 4), (1, 3)], 0) == [(0, 4), (6, 7)]
    assert joined_spans([(0, 1), (3, 4)], 1) == [(0, 4)]


def test_a_long_video_of_many_people_stays_small():
    frames = range(0, 20_000, 3)
    marks = tuple(Mark(frame, "switch", "15 joints of person 1 switch to track 2") for frame in frames)
    rows = [TimelineRow(f"track {index}", tuple((f, f) for f in frames), "#000000", marks) for index in range(60)]
    picture = str(Timeline("long", 20_000, {"Annotated persons": rows, "Tracks": rows}).picture)
    assert len(picture.encode()) < 20_000
    assert picture.count(">47 more</text>") == 2
    assert "more to frame 19998" in picture


def test_a_bar_ends_where_its_last_frame_ends():
    row = TimelineRow("track 1", ((0, 1), (3, 3)), "#123456")
    picture = str(Timeline("a", 4, {"Tracks": [row]}).picture)
    assert 'd="M66 20h135v7H66zM268.5 20h67.5v7H268.5z" style="fill:#123456"' in picture
    assert 'data-start="66" data-step="67.5" data-last="3"' in picture


def test_annotated_poses_are_packed_with_frame_identity_and_shares_of_the_sides(workspace):
    packed = timelines(workspace, PARAMS, [NAME])[NAME]["poses"]
    records = np.frombuffer(base64.b64decode(packed), dtype="<u2").reshape(-1, 32)
    assert records[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert records[:, 1].tolist() == [0, 1] * 4
    nose = POSEVAL_JOINTS.index("nose")
    assert records[:2, 2 + 2 * nose].tolist() == [round(10 / 352 * 65534), round(200 / 352 * 65534)]
    assert set(records[:, 3 + 2 * nose].tolist()) == {round(50 / 96 * 65534)}


def test_an_unchanged_video_is_not_drawn_again_and_a_changed_one_is(workspace):
    before = timelines(workspace, PARAMS, [NAME])
    record = workspace.state / "fresh/timelines.json"
    record.write_text(record.read_text().replace("track 9", "track kept"))
    assert "track kept" in timelines(workspace, PARAMS, [NAME])[NAME]["picture"]
    change_video(workspace, frames_per_second=25.0)
    changed = timelines(workspace, PARAMS, [NAME])[NAME]
    assert changed["picture"] == before[NAME]["picture"]
    assert changed["rate"] == 25.0
