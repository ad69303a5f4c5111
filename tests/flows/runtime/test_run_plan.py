"""What a run would do, and why, on a pipeline of four stages."""

import json

import pytest

from flows.runtime.pipeline import Pipeline
from flows.runtime.run_plan import PlannedStage, chosen_stages, planned_stages, recorded_params
from tasks.errors import InputError
from tasks.workspace import Workspace

PIPELINE = Pipeline(
    deps={
        "index": frozenset({"data"}),
        "pretrain": frozenset({"tables/index"}),
        "recover": frozenset({"tables/index"}),
        "track": frozenset({"tables/recover"}),
    },
    outs={name: frozenset({f"tables/{name}"}) for name in ("index", "pretrain", "recover", "track")},
)
RAN_WITH = {
    "index": {},
    "pretrain": {},
    "recover": {"recover": {"gap": 1}},
    "track": {"track": {"tau": 0.1, "nested": {"a": 1}}},
}
PARAMS = {"recover": {"gap": 1}, "track": {"tau": 0.1, "nested": {"a": 1}}}


@pytest.fixture
def workspace(tmp_path):
    return Workspace.of_repository(tmp_path)


def plan(workspace, *, status=None, params=PARAMS, ran_with=RAN_WITH) -> list[PlannedStage]:
    return planned_stages(PIPELINE, status or {}, params, ran_with, workspace)


def test_nothing_is_planned_where_nothing_has_changed(workspace):
    assert plan(workspace) == []


def test_a_changed_key_is_named_with_both_values(workspace):
    found = plan(workspace, params={**PARAMS, "track": {"tau": 0.3, "nested": {"a": 2}}})
    assert found == [PlannedStage("track", ("params: track.tau 0.1 -> 0.3, track.nested.a 1 -> 2",), (), None)]


def test_stages_behind_a_stale_one_follow_it(workspace):
    found = plan(workspace, params={**PARAMS, "recover": {"gap": 2}})
    assert [(part.stage, part.after) for part in found] == [("recover", ()), ("track", ("recover",))]
    assert found[1].reasons == ()


def test_files_and_results_are_named_and_a_long_list_is_cut(workspace):
    status = {
        "track": [
            {"changed deps": {"params.yaml": {"track": "modified"}} | dict.fromkeys("abcde", "modified")},
            {"changed outs": {"tables/track": "deleted"}},
        ]
    }
    (found,) = plan(workspace, status=status)
    assert found.reasons == ("changed: a, b, c and 2 more", "results: tables/track (deleted)")


def test_a_stage_that_never_ran_says_so(workspace):
    ran_with = {name: sections for name, sections in RAN_WITH.items() if name != "pretrain"}
    assert [(part.stage, part.reasons) for part in plan(workspace, ran_with=ran_with)] == [
        ("pretrain", ("has no recorded run",))
    ]


def test_the_seconds_of_the_last_run_are_reported(workspace):
    workspace.provenance.mkdir(parents=True)
    (workspace.provenance / "track.json").write_text(json.dumps({"seconds": 2.5}))
    (found,) = plan(workspace, params={**PARAMS, "track": {}})
    assert found.last_seconds == 2.5


@pytest.mark.parametrize(
    ("first", "last", "stages"),
    [
        (None, None, {"index", "pretrain", "recover", "track"}),
        (None, "recover", {"index", "recover"}),
        ("recover", None, {"recover", "track"}),
        ("recover", "track", {"recover", "track"}),
        ("track", "track", {"track"}),
    ],
)
def test_stages_from_one_until_another(first, last, stages):
    assert chosen_stages(PIPELINE, first=first, last=last) == stages


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("tracking", None, "stage tracking: expected one of index, pretrain, recover, track"),
        ("pretrain", "track", "--from pretrain --until track: expected a stage that reads from pretrain"),
    ],
)
def test_stages_that_do_not_lie_on_one_way_are_refused(first, last, message):
    with pytest.raises(InputError, match=message):
        chosen_stages(PIPELINE, first=first, last=last)


def test_no_lock_means_no_recorded_run(tmp_path):
    assert recorded_params(tmp_path / "dvc.lock") == {}
