"""What is stale, and what a stale stage may make stale."""

import pytest

from flows.runtime.pipeline import (
    Pipeline,
    PipelineError,
    dvc_status,
    move_broken_lock,
    read_pipeline,
    remove_broken_rwlock,
)

PIPELINE = Pipeline(
    deps={
        "index": frozenset({"data"}),
        "detect": frozenset({"tables/videos"}),
        "pretrain": frozenset({"tables/images"}),
        "estimate": frozenset({"tables/detections/", "models/pose"}),
        "report": frozenset({"tables", "plots/pretrain.csv"}),
    },
    outs={
        "index": frozenset({"tables/videos", "tables/images"}),
        "detect": frozenset({"tables/detections"}),
        "pretrain": frozenset({"models/pose", "plots/pretrain.csv"}),
        "estimate": frozenset({"tables/poses"}),
        "report": frozenset({"index.html"}),
    },
)


@pytest.mark.parametrize(
    ("stale", "reached"),
    [
        (set(), []),
        ({"report"}, ["report"]),
        ({"estimate"}, ["estimate", "report"]),
        ({"pretrain"}, ["pretrain", "estimate", "report"]),
        ({"detect", "report"}, ["detect", "estimate", "report"]),
        ({"index"}, ["index", "detect", "pretrain", "estimate", "report"]),
    ],
)
def test_what_may_become_stale(stale, reached):
    assert PIPELINE.with_downstream(stale) == reached


def test_folders_overlap_only_by_whole_names(tmp_path):
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  one: {cmd: a, deps: [data], outs: [tables/pose]}\n"
        "  two: {cmd: b, deps: [tables/poses], outs: [x: {cache: false}], metrics: [m.json: {cache: false}]}\n"
        "  three: {cmd: c, deps: [m.json], plots: [p.csv]}\n"
    )
    pipeline = read_pipeline(tmp_path / "dvc.yaml")
    assert pipeline.with_downstream({"one"}) == ["one"]
    assert pipeline.with_downstream({"two"}) == ["two", "three"]


@pytest.mark.parametrize(
    ("stage", "upstream"),
    [
        ("index", []),
        ("detect", ["index"]),
        ("pretrain", ["index"]),
        ("estimate", ["detect", "pretrain"]),
        ("report", ["index", "detect", "pretrain", "estimate"]),
    ],
)
def test_what_a_stage_waits_for(stage, upstream):
    assert PIPELINE.upstream(stage) == upstream


LOCK = """stages:
  index:
    outs: [{path: tables/videos, md5: INDEX}]
  estimate:
    deps:
    - path: tables/detections/
      md5: 1.dir
    - path: models/pose
      md5: 7
  detect:
    outs: [{path: tables/detections/, md5: DETECT}]
  pretrain:
    outs:
    - path: plots/pretrain.csv
      md5: 3
    - path: models/pose
      md5: 7
"""


@pytest.mark.parametrize(
    ("lock", "same"),
    [
        (LOCK.replace("DETECT", "1.dir"), True),
        (LOCK.replace("DETECT", "2.dir"), False),
        (
            LOCK.replace("DETECT", "1.dir").replace("models/pose\n      md5: 7\n  detect", "models/pose\n  detect"),
            False,
        ),
        (LOCK.split("  detect:")[0], False),
        ("stages: {}", False),
        ("stages: {estimate: null}", False),
        ("schema: '2.0'", False),
        ("", False),
    ],
    ids=["same", "other boxes", "a digest missing", "upstream missing", "no stage", "cut off", "no stages", "empty"],
)
def test_a_stage_whose_inputs_came_out_identical_has_nothing_to_do(tmp_path, lock, same):
    (tmp_path / "dvc.lock").write_text(lock)
    assert PIPELINE.inputs_are_recorded("estimate", tmp_path / "dvc.lock") is same


def test_a_lock_file_that_dvc_is_just_writing_never_says_that_nothing_is_to_do(tmp_path):
    whole, lock = LOCK.replace("DETECT", "1.dir"), tmp_path / "dvc.lock"
    for end in range(len(whole.rstrip())):
        lock.write_text(whole[:end])
        assert not PIPELINE.inputs_are_recorded("estimate", lock), whole[:end]


def test_without_a_lock_file_everything_is_to_do(tmp_path):
    assert not PIPELINE.inputs_are_recorded("estimate", tmp_path / "dvc.lock")


@pytest.mark.parametrize("text", ["", "stages:\n  index:\n    cmd: 'python", "<<<<<<< HEAD\nstages: {}\n=======\n"])
def test_a_lock_file_that_is_no_yaml_is_moved(checkout, text):
    checkout.state.mkdir()
    (checkout.root / "dvc.lock").write_text(text)
    moved = move_broken_lock(checkout)
    assert moved is not None
    assert moved.read_text() == text
    assert not (checkout.root / "dvc.lock").exists()


def test_a_whole_lock_file_stays(checkout):
    assert move_broken_lock(checkout) is None
    (checkout.root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    assert move_broken_lock(checkout) is None
    assert (checkout.root / "dvc.lock").is_file()


@pytest.mark.parametrize("cut_off", ["", '{"write": {"/data": '])
def test_dvc_works_again_after_a_kill_that_cut_its_list_of_locks_off(checkout, cut_off):
    listing = checkout.root / ".dvc" / "tmp" / "rwlock"
    before = dvc_status(checkout)
    listing.write_text(cut_off)
    with pytest.raises(PipelineError, match="corrupted"):
        dvc_status(checkout)
    remove_broken_rwlock(checkout.root)
    assert not listing.exists()
    assert dvc_status(checkout) == before


def test_a_whole_list_of_locks_stays(checkout):
    remove_broken_rwlock(checkout.root)
    listing = checkout.root / ".dvc" / "tmp" / "rwlock"
    listing.parent.mkdir(exist_ok=True)
    listing.write_text("{}")
    remove_broken_rwlock(checkout.root)
    assert listing.read_text() == "{}"
