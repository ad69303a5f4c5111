"""Profiles hold differences; chosen, they are whole params files with their comments."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.poses.oks import pose_oks
from tasks.params.edit import load_yaml
from tasks.params.loading import ParamsError, parse_params
from tasks.params.profiles import profile_names, profile_text, whole_text

PROFILES = Path(__file__).parents[2] / "profiles"
DEMO = (PROFILES / "demo.yaml").read_text()
EVERY = sorted(path.relative_to(PROFILES).with_suffix("").as_posix() for path in PROFILES.rglob("*.yaml"))
OTHERS = [name for name in EVERY if name != "demo"]


def text_of(name: str) -> str:
    return whole_text(PROFILES / f"{name}.yaml", PROFILES)


def values(tree: Any, section: str = "") -> dict[str, Any]:
    """Every value by its dotted key."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= values(value, f"{section}{key}.") if isinstance(value, dict) else {f"{section}{key}": value}
    return leaves


@pytest.mark.parametrize("name", OTHERS)
def test_a_profile_repeats_nothing_of_what_it_extends(name):
    changes = load_yaml((PROFILES / f"{name}.yaml").read_text())
    base = values(load_yaml(text_of(changes.pop("extends", "demo"))))
    repeated = [key for key, value in values(changes).items() if base[key] == value]
    assert repeated == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_chosen_profile_has_the_demos_keys_in_their_order_and_its_own_values(name):
    whole = values(load_yaml(text_of(name)))
    changes = load_yaml((PROFILES / f"{name}.yaml").read_text())
    changes.pop("extends", None)
    assert list(whole) == list(values(load_yaml(DEMO)))
    assert values(changes).items() <= whole.items()


def test_the_rounds_of_the_starting_weights_are_not_offered_for_a_run_of_ones_own():
    assert profile_names(PROFILES) == ["demo", "paper", "released", "small_real", "trend"]


def test_the_reference_lists_exactly_what_the_papers_profile_marks_as_our_choice():
    section, marked = "", set()
    for line in profile_text(PROFILES, "paper").splitlines():
        section = line.removesuffix(":") if re.fullmatch(r"\w+:", line) else section
        if key := re.match(r"  (\w+):.*our choice", line):
            marked.add((section, key[1]))
    part = (PROFILES.parent / "docs/reference.md").read_text().partition("## Free choices in the paper's profile")[2]
    rows = [line.split("|")[1:3] for line in part.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    listed = [pair for first, second in rows for pair in product(*(re.findall(r"`(\w+)`", x) for x in (first, second)))]
    assert sorted(listed) == sorted(marked)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "demo.yaml").write_text(DEMO)
    return tmp_path


def test_comments_of_the_demo_stay_and_those_of_the_profile_come_along(folder):
    (folder / "mine.yaml").write_text(
        "# Mine.\n\ntrack:\n  assignment: hungarian\n  tau_corr: 0.2  # lower\nreport:\n  clip_count: 3  # few\n"
    )
    lines = profile_text(folder, "mine").splitlines()
    assert lines[0] == "# Mine."
    assert [line.split() for line in lines if "assignment" in line] == [
        ["assignment:", "hungarian", "#", "greedy", "|", "hungarian"]
    ]
    assert [line.split() for line in lines if line.startswith("  tau_corr:")] == [["tau_corr:", "0.2", "#", "lower"]]
    assert [line.split() for line in lines if "clip_count" in line] == [["clip_count:", "3", "#", "few"]]
    assert lines.count("") == DEMO.splitlines().count("")


def test_a_comment_on_the_last_key_of_a_section_keeps_the_blank_line_after_it(folder):
    (folder / "mine.yaml").write_text("score:\n  splits: [train]  # here\n")
    lines = profile_text(folder, "mine").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  splits: [train]"))
    assert lines[at].endswith("# here")
    assert lines[at + 1] == ""


def test_a_profile_may_extend_another(folder):
    (folder / "base.yaml").write_text("run:\n  seed: 7\ntrack:\n  tau_corr: 0.2\n")
    (folder / "mine.yaml").write_text("extends: base\ntrack:\n  tau_corr: 0.4\n")
    params = parse_params(profile_text(folder, "mine"), name="mine")
    assert (params.run.seed, params.track.tau_corr) == (7, 0.4)


def test_a_whole_params_file_lies_over_the_demo_too(folder):
    assert values(load_yaml(whole_text(PROFILES.parent / "params.yaml", folder))) == values(load_yaml(DEMO))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "track:\n  tau_cor: 0.2\n",
            r"mine\.yaml: expected a known key, got track\.tau_cor; did you mean track\.",
        ),
        ("track:\n  tau_corr: 2\n", r"mine\.yaml: track\.tau_corr must be <= 1, got 2"),
        ("track: 3\n", r"mine\.yaml: track must be"),
        ("extends: nobody\n", r"mine\.yaml: extends must be another profile \(demo, mine\), got nobody"),
        ("extends: mine\n", r"mine\.yaml: extends must be another profile"),
        ("- 1\n", r"mine\.yaml: expected a mapping"),
    ],
)
def test_a_profile_that_does_not_fit_is_one_error_that_names_it(folder, text, message):
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(ParamsError, match=message):
        profile_text(folder, "mine")


@pytest.mark.parametrize("name", EVERY)
def test_every_profile_takes_the_gpus_that_are_there(name):
    assert parse_params(text_of(name), name=name).compute.gpus_per_worker == "auto"


@pytest.mark.parametrize("name", EVERY)
def test_no_profile_merges_persons_of_160_pixels_who_stand_35_apart(name):
    """`merge.similarity_threshold` is a threshold on OKS, which does not shrink with the height of the maps."""
    merge = parse_params(text_of(name), name=name).merge
    person = np.random.default_rng(0).uniform(0, 1, (1, 17, 2)) * (80, 160)
    every = np.ones((1, 17), dtype=bool)
    similarity = pose_oks(person, person + np.array([35, 0]), candidate_valid=every, reference_valid=every)
    assert similarity.item() < merge.similarity_threshold
