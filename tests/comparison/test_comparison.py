"""Two runs with written differences: which errors are new, what the metrics say, and what stands on the page."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.comparison.report import Comparison, as_markdown, changed_params, changed_stages
from tasks.comparison.versions import Version
from tasks.errors import InputError
from tasks.workspace import Workspace

PARAMS: dict[str, Any] = {
    "run": {"seed": 1},
    "detect": {"box_sources": ["detected"]},
    "track": {"output_keypoint_threshold": 0.3, "tau_corr": 0.3},
    "score": {"splits": ["val"]},
}
JOINTS = 15


def perfect(frame: int) -> dict[int, float]:
    return {5: 10.0, 6: 200.0}


def switching(frame: int) -> dict[int, float]:
    """From frame 2 on the first person has another identity."""
    return {(5 if frame < 2 else 7): 10.0, 6: 200.0}


def missing(frame: int) -> dict[int, float]:
    """The second person is not found in frame 1."""
    return {5: 10.0} if frame == 1 else perfect(frame)


def straying(frame: int) -> dict[int, float]:
    """A track of nobody in frame 3."""
    return perfect(frame) | ({9: 100.0} if frame == 3 else {})


def near(frame: int) -> dict[int, float]:
    """Both persons are found 4 px beside, heads of 24 px: for nose and wrists (sigma 0.026, 0.062) that is a miss."""
    return {5: 14.0, 6: 204.0}


@pytest.fixture
def compare(tmp_path: Path, make_run: Callable[..., None]) -> Callable[..., Comparison]:
    def run(first: dict[str, Any], second: dict[str, Any], *, tags: dict[str, list[str]] | None = None) -> Comparison:
        versions = []
        for side, videos in (("before", first), ("after", second)):
            make_run(tmp_path / side, videos, tags=tags or {})
            versions.append(Version(side, Workspace.of_repository(tmp_path / side), PARAMS, {}))
        return Comparison(*versions, kind="tracks", resamples=50)

    return run


def total(comparison: Comparison, metric: str) -> dict[str, Any]:
    return next(row.row() for row in comparison.differences if row.scope == "total" and row.metric == metric)


def test_equal_runs_are_identical(compare):
    comparison = compare({"a": switching, "b": missing}, {"a": switching, "b": missing})
    assert {row.verdict for row in comparison.differences} == {"identical"}
    assert comparison.content()["moments"] == []
    assert comparison.content()["errors"]["switch"] == {"new": 0, "gone": 0, "common": JOINTS}


@pytest.mark.parametrize(
    ("tracks", "kind", "frame", "person", "track"),
    [
        (switching, "switch", 2, 0, 7),
        (missing, "miss", 1, 1, None),
        (straying, "false positive", 3, None, 9),
    ],
)
def test_an_error_is_found_with_its_frame_person_and_track(compare, tracks, kind, frame, person, track):
    for change, first, second in (("new", perfect, tracks), ("gone", tracks, perfect)):
        content = compare({"a": first}, {"a": second}).content()
        (moment,) = content["moments"]
        assert (moment["kind"], moment["change"], moment["frame_index"]) == (kind, change, frame)
        assert (moment["person"], moment["track"], len(moment["joints"])) == (person, track, JOINTS)
        assert content["errors"][kind] == {"new": 0, "gone": 0, "common": 0} | {change: JOINTS}


@pytest.mark.parametrize(
    ("tracks", "answers"),
    [(perfect, {"good": 120}), (missing, {"good": 105, "absent": 15}), (near, {"jitter": 96, "miss": 24})],
)
def test_joints_of_poses_are_counted_by_how_they_are_answered(compare, tracks, answers):
    comparison = compare({"a": perfect}, {"a": tracks})
    total, *joints = comparison.content()["keypoints"]
    assert {name: count for name, count in total["first"].items() if count} == {"good": 120}
    assert {name: count for name, count in total["second"].items() if count} == answers
    assert {name: sum(row["second"][name] for row in joints) for name in total["second"]} == total["second"]
    assert f"good 120 -> {answers.get('good', 0)}" in as_markdown(comparison.content())


def test_better_and_worse_need_more_than_one_video(compare):
    videos = [f"v{number}" for number in range(6)]
    comparison = compare(dict.fromkeys(videos, switching), dict.fromkeys(videos, perfect))
    assert total(comparison, "IDSW")["difference"] == -6 * JOINTS
    assert (total(comparison, "IDSW")["verdict"], total(comparison, "mAP")["verdict"]) == ("better", "identical")
    single = compare({"a": switching}, {"a": perfect})
    assert (total(single, "IDSW")["verdict"], total(single, "IDSW")["low"]) == ("not judged", None)


def test_a_difference_of_one_video_among_many_is_no_evidence(compare):
    videos = dict.fromkeys([f"v{number}" for number in range(6)], perfect)
    comparison = compare(videos, videos | {"v0": switching})
    row = total(comparison, "IDSW")
    assert (row["difference"], row["verdict"]) == (JOINTS, "no evidence")
    assert row["low"] == 0 < row["high"]


def test_tags_and_joints_have_rows_of_their_own(compare):
    comparison = compare({"a": perfect, "b": perfect}, {"a": switching, "b": perfect}, tags={"a": ["crowd"]})
    rows = {(row.scope, row.name): row.difference for row in comparison.differences if row.metric == "IDSW"}
    assert rows["tag", "crowd"] == JOINTS
    assert rows["joint", "left_knee"] == 1
    assert (rows["video", "a"], rows["video", "b"]) == (JOINTS, 0)


def test_other_videos_and_other_annotations_are_left_out_and_named(compare, tmp_path):
    comparison = compare({"a": perfect, "b": perfect}, {"a": perfect, "c": perfect})
    assert comparison.videos == ["a"]
    assert comparison.content()["left_out"] == {"before": ["b"], "after": ["c"]}
    assert "only before has them or their annotations differ: b" in as_markdown(comparison.content())


def test_runs_without_a_common_video_are_refused(compare):
    with pytest.raises(InputError, match="got 1 and 1 annotated videos and none in common"):
        compare({"a": perfect}, {"b": perfect})


def test_params_of_an_older_layout_are_refused(compare, tmp_path, make_run):
    make_run(tmp_path / "old", {"a": perfect}, tags={})
    older = Version("old", Workspace.of_repository(tmp_path / "old"), PARAMS | {"track": {}}, {})
    with pytest.raises(InputError, match=r"old: expected track\.output_keypoint_threshold"):
        Comparison(older, older, kind="tracks", resamples=10)


def test_the_page_shows_both_clips_of_what_changed_and_escapes_names(compare, tmp_path):
    comparison = compare({"a<b": perfect, "c": perfect}, {"a<b": switching, "c": perfect})
    page = comparison.write(tmp_path / "reports/compare/before..after")
    text = page.read_text()
    assert "a&lt;b" in text
    assert "a<b" not in text
    clips = sorted(path.name for path in (tmp_path / "reports/compare/before..after").glob("*.mp4"))
    assert clips == ["a<b.first.mp4", "a<b.second.mp4"]
    assert ">240</td>" in text.split('id="poses"')[1]
    content = json.loads((tmp_path / "reports/compare/before..after.json").read_text())
    assert content["by_video"][0] == {
        "video_id": "a<b",
        "balance": 5 * JOINTS,
        "errors": {
            "miss": {"new": 0, "gone": 0, "common": 0},
            "switch": {"new": JOINTS, "gone": 0, "common": 0},
            "false positive": {"new": 0, "gone": 0, "common": 0},
        },
    }


def test_only_params_and_stages_that_differ_are_listed():
    assert changed_params({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3, "z": 4}}) == [
        {"key": "a.y", "first": 2, "second": 3},
        {"key": "a.z", "first": None, "second": 4},
    ]
    first = {"deps": [{"path": "tasks/track.py", "md5": "1"}, {"path": "data", "md5": "2"}], "outs": [], "params": {}}
    second = {"deps": [{"path": "tasks/track.py", "md5": "9"}, {"path": "data", "md5": "8"}], "outs": [], "params": {}}
    assert changed_stages({"track": first, "index": first}, {"track": second, "index": first}) == [
        {"stage": "track", "params": False, "code": ["tasks/track.py"], "inputs": ["data"], "results": False}
    ]
