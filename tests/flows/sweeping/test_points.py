"""The points of a grid, and what is refused before anything runs."""

from pathlib import Path

import pytest

from flows.runtime.repository import Repository
from flows.sweep import Sweep, SweepRequest
from flows.sweeping.points import points_of_grid
from tasks.errors import InputError
from tasks.params.loading import parse_params

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "params.yaml").read_text()
SECTIONS = {"run", "detect", "track", "merge", "score"}


def points(*settings: str, seeds: int = 1):
    return points_of_grid(TEXT, settings, seeds=seeds, sections=SECTIONS)


def test_all_combinations_are_points_behind_the_present_params():
    rows = points("track.tau_corr=0.1,0.2", "merge.max_gap_frames=3,6")
    assert [row[0].name for row in rows] == [
        "present",
        "track.tau_corr=0.1,merge.max_gap_frames=3",
        "track.tau_corr=0.1,merge.max_gap_frames=6",
        "track.tau_corr=0.2,merge.max_gap_frames=3",
        "track.tau_corr=0.2,merge.max_gap_frames=6",
    ]
    assert rows[0][0].text == TEXT
    assert (rows[2][0].params.track.tau_corr, rows[2][0].params.merge.max_gap_frames) == (0.1, 6)
    assert parse_params(rows[2][0].text, name="params.yaml") == rows[2][0].params


def test_a_key_with_one_value_holds_for_what_the_points_are_compared_with_too():
    present, *rows = points("track.tau_corr=0.1,0.2", "merge.enabled=false")
    assert (present[0].name, present[0].params.merge.enabled) == ("merge.enabled=false", False)
    assert [row[0].params.track.tau_corr for row in rows] == [0.1, 0.2]
    assert points("track.tau_corr=0.1")[0][0].name == "present"


def test_seeds_follow_the_present_one():
    seed = parse_params(TEXT, name="params.yaml").run.seed
    rows = points("track.tau_corr=0.1", seeds=3)
    assert [[point.params.run.seed for point in row] for row in rows] == [[seed, seed + 1, seed + 2]] * 2
    assert [point.name for point in rows[0]] == ["present", f"run.seed={seed + 1}", f"run.seed={seed + 2}"]
    assert rows[1][1].name == f"track.tau_corr=0.1,run.seed={seed + 1}"


def test_values_may_be_lists_and_names_are_those_of_git_refs():
    rows = points("score.splits=[val],[train, val]")
    assert [list(row[0].params.score.splits) for row in rows[1:]] == [["val"], ["train", "val"]]
    names = [row[0].name for row in rows[1:]]
    assert len(set(names)) == 2
    assert not any(character in name for name in names for character in " []/~^:?*\\")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["track.tau_corr"], "expected SECTION.KEY=VALUE,VALUE"),
        (["track.tau_corr="], "with no value empty"),
        (["track.tau_corr=0.1,,0.2"], "with no value empty"),
        (["track.tau_corr=0.1", "track.tau_corr=0.2"], "got track.tau_corr twice"),
        (["track.tau_corr=0.1,0.10"], "expected each point once, got track.tau_corr=0.1 and track.tau_corr=0.10"),
        (["track.tau=0.1"], "did you mean track.tau_corr"),
        (["track.tau_corr=7"], "params.yaml: track.tau_corr"),
        (["report.clip_count=3,4"], "expected a key that scores depend on, got one of report; the sections are run,"),
    ],
)
def test_what_is_no_grid_is_refused_in_one_line(settings, message):
    with pytest.raises(InputError) as refused:
        points(*settings)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_seed_is_chosen_in_one_way():
    with pytest.raises(InputError, match=r"--seeds 2 and --set run\.seed: expected one of them"):
        points("run.seed=1,2", seeds=2)


@pytest.mark.parametrize(
    ("setting", "seeds", "split"),
    [
        ("track.tau_corr=0.1", 1, "train"),
        ("recover.query_keypoint_threshold=0.2", 1, "train"),
        ("train_siamese.epochs=7", 1, "val"),
        ("track.tau_corr=0.1", 2, "val"),
    ],
)
def test_training_videos_judge_unless_a_network_is_trained_on_them(setting, seeds, split):
    assert Sweep(Repository(ROOT), SweepRequest((setting,), seeds)).split() == split
    assert Sweep(Repository(ROOT), SweepRequest((setting,), seeds, split="train")).split() == "train"


def test_the_points_of_a_seed_follow_each_other():
    seed = parse_params(TEXT, name="params.yaml").run.seed + 1
    names = [point.name for point in Sweep(Repository(ROOT), SweepRequest(("track.tau_corr=0.1",), 2)).points]
    assert names == ["present", "track.tau_corr=0.1", f"run.seed={seed}", f"track.tau_corr=0.1,run.seed={seed}"]
