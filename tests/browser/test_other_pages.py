"""Pages of runs that lack something, and the page of a comparison: they say so, and are of the same parts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.scheduling.status_page import write_status_page
from tasks import report
from tasks.comparison.report import Comparison
from tasks.comparison.versions import Version
from tasks.out_folder import claim_out_folder
from tasks.params.sections import Params
from tasks.tables import TABLES, read_table, write_table
from tasks.workspace import Workspace
from tests.browser.conftest import as_stage, shifting, write_provenance
from tests.comparison.conftest import write_run


def steady(frame: int) -> dict[int, float]:
    return {5: 10.0, 6: 200.0}


@pytest.fixture
def own_video(tmp_path: Path, params: Params) -> Callable[..., Path]:
    """The page of a video without annotations, of so many frames, as `reprocess` writes it."""

    def written(frames: int = 4, *, is_merged: bool = True) -> Path:
        workspace = Workspace.of_repository(tmp_path)
        write_run(tmp_path, {"street": steady}, tags={})
        for name in ("images", "persons", "rejects", "scores"):
            write_table(TABLES[name], [], TABLES[name].path(workspace.tables))
        for name in ("detections", "poses", "recovered_poses"):
            write_table(TABLES[name], [], TABLES[name].path(workspace.tables, "street"))
        path = TABLES["videos"].path(workspace.tables)
        bare = {"source": None, "labelled_frame_count": 0, "frame_count": frames}
        write_table(TABLES["videos"], [row | bare for row in read_table(TABLES["videos"], path).to_pylist()], path)
        if not is_merged:
            TABLES["merged_tracks"].path(workspace.tables, "street").unlink()
        write_provenance(workspace, "index")
        with as_stage("report"):
            report.run(workspace, params)
        return workspace.reports / "index.html"

    return written


@pytest.mark.parametrize("view", ["desktop", "phone"])
def test_the_page_of_an_own_video_claims_no_score(own_video, open_page, screenshots, view):
    opened = open_page(own_video(), view)
    opened.page.screenshot(path=screenshots / f"own_video_{view}.png", full_page=True)
    assert opened.problems == []
    assert opened.hosts == []
    text = opened.page.locator("body").inner_text()
    assert "1 video with 4 frames" in text
    assert "2 merged tracks in 4 frames." in text
    assert "2 tracks, merged into 2, of 8 poses in 1 video; 0 missed poses recovered." in text
    assert "Not on this page" in text
    assert "Nobody is annotated in this video" in text
    assert opened.page.locator(".timeline .presence").count() == 2, "a bar for each track and none for persons"
    for absent in ("mAP ", "Table 2", "Figure ", "Split", "1 videos", "PoseTrack17"):
        assert absent not in text.replace("no mAP and no MOTA", ""), absent
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= opened.page.viewport_size["width"]


def test_a_single_frame_and_tracks_that_were_not_merged_have_a_page(own_video, open_page):
    opened = open_page(own_video(frames=1, is_merged=False))
    assert opened.problems == []
    text = opened.page.locator("body").inner_text()
    assert "1 video with 1 frame;" in text
    assert "2 tracks in 1 frame." in text


def test_a_run_of_nothing_has_a_page(tmp_path, params, open_page):
    workspace = Workspace.of_repository(tmp_path)
    for name in ("videos", "frames", "images", "persons", "rejects"):
        write_table(TABLES[name], [], TABLES[name].path(workspace.tables))
    with as_stage("report"):
        report.run(workspace, params)
    opened = open_page(workspace.reports / "index.html")
    assert opened.problems == []
    for text in ("0 videos with 0 frames", "There are no clips", "No input was rejected."):
        assert opened.page.get_by_text(text).count() > 0


@pytest.fixture
def comparison(tmp_path: Path, params: Params) -> Path:
    versions = []
    content: dict[str, Any] = json.loads(params.model_dump_json())
    for side, tracks in (("before", steady), ("after", shifting)):
        write_run(tmp_path / side, {"a<b": tracks, "c": steady}, tags={"a<b": ["crossing"], "c": ["crossing"]})
        versions.append(Version(side, Workspace.of_repository(tmp_path / side), content, {}))
    return Comparison(*versions, kind="tracks", resamples=20).write(tmp_path / "reports/compare/before..after")


@pytest.mark.parametrize("view", ["desktop", "phone", "dark"])
def test_the_page_of_a_comparison_is_of_the_same_parts(comparison, open_page, screenshots, view):
    opened = open_page(comparison, view)
    opened.page.screenshot(path=screenshots / f"compare_{view}.png", full_page=True)
    assert opened.problems == []
    assert opened.hosts == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= opened.page.viewport_size["width"]
    assert opened.page.get_by_role("button", name="Metric").count() > 0
    assert opened.page.locator("#poses tbody th").all_inner_texts()[:4] == ["All", "Head top", "Nose", "Neck"]
    assert opened.page.locator("#result tbody td").first.inner_text() == "100.0"
    assert "new switch of person 0 by track 7 (all joints)" in opened.page.locator(".compared").inner_text()


def test_both_clips_of_a_comparison_play_together(comparison, open_page):
    page = open_page(comparison).page
    page.get_by_role("button", name="Play both").click()
    page.wait_for_function("[...document.querySelectorAll('.compared video')].every((clip) => clip.currentTime > 0)")
    assert page.get_by_role("button", name="Pause both").count() == 1


@pytest.mark.parametrize("view", ["desktop", "phone"])
def test_the_page_of_a_status_is_of_the_same_parts(tmp_path, open_page, screenshots, view):
    claim_out_folder(tmp_path / "street")
    video = {"video_id": "<b>square", "state": "rejected", "stale": ["weights"], "frames": 12, "seconds": 3.25}
    video |= {"attempts": 2, "results": 0, "reason": "expected a video, got <i>noise"}
    run = {"time": "2026-01-02T03:04:05+00:00", "result": "done", "seconds": 61.0, "message": None}
    status = {"out": str(tmp_path / "street"), "running": None, "counts": {"rejected": 1}, "videos": [video]}
    status |= {"occurrences": [run], "schedules": [{"timetable": "0 3 * * *", "next": None}]}
    opened = open_page(write_status_page(status), view)
    opened.page.screenshot(path=screenshots / f"status_{view}.png", full_page=True)
    assert opened.problems == []
    for text in (
        "<b>square",
        "expected a video, got <i>noise",
        "1 rejected; nothing runs.",
        "no process serves it now",
        "2026-01-02 03:04:05 UTC",
    ):
        assert opened.page.get_by_text(text).count() == 1
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= opened.page.viewport_size["width"]
