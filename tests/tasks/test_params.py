"""params.yaml: what is refused, in which words, and how it is edited."""

import io
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.params.edit import set_value
from tasks.params.loading import ParamsError, known_keys, load_params, parse_params
from tasks.params.section import section_json

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")


def _with(key: str, value: str) -> str:
    return set_value(TEXT, key, value)


def _renamed(old: str, new: str) -> str:
    assert f"{old}:" in TEXT
    return TEXT.replace(f"{old}:", new, 1)


REFUSED = {
    "unknown key, with the nearest": (
        _renamed("max_lost_frames", "max_lost_frame:"),
        ["track.max_lost_frame = 0", "did you mean track.max_lost_frames?"],
    ),
    "missing key": (_renamed("  tau_corr", "  #"), ["expected the key track.tau_corr", "got nothing"]),
    "unknown section": (_renamed("\nreport", "\nreprot:"), ["got reprot", "did you mean report?"]),
    "text for a number": (_with("run.seed", "one"), ["run.seed must be a valid integer", 'got "one"']),
    "fraction for a whole number": (_with("run.seed", "1.5"), ["run.seed", "1.5"]),
    "number for a flag": (_with("estimate.flip_test", "1"), ["estimate.flip_test must be a valid boolean", "got 1"]),
    "out of range": (_with("run.seed", "-1"), ["run.seed must be >= 0, got -1"]),
    "not a number": (_with("track.tau_corr", ".nan"), ["track.tau_corr", "NaN"]),
    "without end": (_with("track.tau_corr", ".inf"), ["track.tau_corr", "Infinity"]),
    "not a choice": (_with("track.assignment", "magic"), ["track.assignment must be 'greedy' or 'hungarian'", "magic"]),
    "not a choice, in a list": (_with("detect.splits", "[train, holdout]"), ["detect.splits.1", '"holdout"']),
    "the same split twice": (_with("detect.splits", "[val, val]"), ["detect.splits", "each once"]),
    "no multiple of 32": (_with("recover.frame_size_px", "250"), ["recover.frame_size_px", "multiple of 32", "250"]),
    "lost frames beyond affinities": (
        _with("track.max_lost_frames", "99"),
        ["track.max_lost_frames must be at most recover.max_gap_frames - 1", "got 99"],
    ),
    "no stage of the pose network": (
        _with("estimate.output_stage", "7"),
        ["estimate.output_stage must be a stage of the pose network", "got 7"],
    ),
    "network without weights": (
        _with("detect.source", "network"),
        ["detect.network_weights", "weight file", "null"],
    ),
    "RAFT without weights": (_with("ablate.flow", "raft"), ["ablate.flow_weights", "weight file", "null"]),
    "key twice": (_renamed("  seed", "  seed: 1\n  seed:"), ["duplicate key", "line "]),
    "not YAML": (_renamed("  seed", "  seed: ["), ["expected YAML", "line "]),
    "a Python object": (_renamed("  seed", "  seed: !!python/object:os.system"), ["expected YAML"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_params_are_one_error_that_names_file_and_key(case: str) -> None:
    text, words = REFUSED[case]
    with pytest.raises(ParamsError) as refusal:
        parse_params(text, name="params.yaml")
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith("params.yaml: ")
    for word in words:
        assert word in message


@pytest.mark.parametrize("text", ["", "- 1", "3", "\x00", "a: *b"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml: "):
        parse_params(text, name="params.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"nowhere\.yaml"):
        load_params(tmp_path / "nowhere.yaml")


def test_editing_changes_one_line_only() -> None:
    edited = set_value(TEXT, "track.tau_corr", "0.4321")
    changed = [line for line in edited.splitlines() if line not in TEXT.splitlines()]
    assert [line.split("#")[0].strip() for line in changed] == ["tau_corr: 0.4321"]
    assert len(edited.splitlines()) == len(TEXT.splitlines())
    assert parse_params(edited, name="params.yaml").track.tau_corr == 0.4321


def test_editing_knows_lists_null_and_nested_keys() -> None:
    text = set_value(set_value(TEXT, "detect.splits", "[val]"), "compute.address", "null")
    text = set_value(text, "index.demo_corpus.detector.jitter", "0")
    params = parse_params(text, name="params.yaml")
    assert params.detect.splits == ["val"]
    assert params.compute.address is None
    assert params.index.demo_corpus.detector.jitter == 0


@pytest.mark.parametrize("key", ["track.tau_cor", "track", "seed", "track.tau_corr.more", "nothing.at.all", ""])
def test_only_existing_keys_can_be_set(key: str) -> None:
    with pytest.raises(ParamsError, match="--set"):
        set_value(TEXT, key, "1")


def test_section_json_moves_with_its_section_and_run_but_not_with_compute() -> None:
    def of(key: str, value: str) -> str:
        return section_json(parse_params(set_value(TEXT, key, value), name="params.yaml"), "track")

    before = section_json(parse_params(TEXT, name="params.yaml"), "track")
    assert of("track.tau_corr", "0.41") != before
    assert of("run.seed", "5") != before
    assert of("compute.workers", "7") == before
    assert of("merge.min_keypoints", "7") == before


def test_every_key_is_listed_once() -> None:
    assert len(set(known_keys())) == len(known_keys()) > 60


def test_editing_leaves_the_yaml_of_others_as_it_is() -> None:
    set_value(TEXT, "compute.address", "null")
    written = io.StringIO()
    YAML().dump({"address": None}, written)
    assert written.getvalue() == "address:\n", "as DVC writes it into dvc.lock"
